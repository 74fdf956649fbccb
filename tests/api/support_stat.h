/* SPDX-License-Identifier: MIT */
/* The page of counters that a loop shows, as somebody reads it who connects there. */
#ifndef ZCNET_TESTS_API_SUPPORT_STAT_H
#define ZCNET_TESTS_API_SUPPORT_STAT_H
#include "support.h"

zcn_listener *page_show(side *on, const char *address);
/* A text; free it. */
char *page_read(side *on, const char *address);
/* The value behind a name; fails when the page does not have it once, in that kind. */
uint64_t page_value(const char *page, const char *kind, const char *name);

#endif
