/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ZCNET_H
#define ZCNET_ZCNET_H
/* libzcnet: zero-copy messages over TCP and Unix sockets. This header includes all the others; base.h states the
   conventions that hold for every call. */
#include <zcnet/conn.h>
#include <zcnet/dialer.h>
#include <zcnet/event.h>
#include <zcnet/file.h>
#include <zcnet/framing.h>
#include <zcnet/listener.h>
#include <zcnet/loop.h>
#include <zcnet/msg.h>
#include <zcnet/pool.h>
#include <zcnet/relay.h>
#include <zcnet/request.h>
#include <zcnet/stats.h>
#include <zcnet/status.h>
#include <zcnet/stream.h>
#include <zcnet/unit.h>
#include <zcnet/version.h>

#endif
