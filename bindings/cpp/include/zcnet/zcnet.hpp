/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ZCNET_HPP
#define ZCNET_ZCNET_HPP
/*
 * libzcnet for C++17 and later: classes that own what the C functions hand out, and exceptions for what fails. Only
 * headers; the program links the same library as one in C. This header includes all the others.
 *
 * Everything that holds for C holds here, and the C headers say it: threads, ownership, lifetimes, every status. Each
 * class gives its handle with get() and takes one over with adopt(), so that both may be mixed.
 */
#include <zcnet/version.h>

#include <zcnet/bytes.hpp>
#include <zcnet/conn.hpp>
#include <zcnet/dialer.hpp>
#include <zcnet/error.hpp>
#include <zcnet/event.hpp>
#include <zcnet/file.hpp>
#include <zcnet/framing.hpp>
#include <zcnet/listener.hpp>
#include <zcnet/loop.hpp>
#include <zcnet/message.hpp>
#include <zcnet/pool.hpp>
#include <zcnet/relay.hpp>
#include <zcnet/stream.hpp>
#include <zcnet/unit.hpp>

#endif
