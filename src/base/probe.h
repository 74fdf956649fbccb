// SPDX-License-Identifier: MIT
// Static probes: where sys/sdt.h was there when the library was built, a place that a tracer can attach to while the
// program runs, by name; else nothing. One costs an instruction that does nothing, so they stand where a system call, a
// state or a poll is, not where a message is. The names are listed in docs/tracing.md.
#pragma once

#ifdef ZCNET_USDT
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define ZCNET_PROBE(name, ...) STAP_PROBEV(zcnet, name, __VA_ARGS__)
#else
#define ZCNET_PROBE(name, ...) static_cast<void>(0)
#endif
