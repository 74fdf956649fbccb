/* SPDX-License-Identifier: MIT */
/* Files as the bodies of units, for the tests that send them. */
#pragma once

#include "support.h"

/* A file without a name, with that pattern in it; *out_fd, a duplicate of its descriptor, may be NULL. */
zcn_file *pattern_file(size_t size, uint64_t seed, uint32_t method, int *out_fd);
zcn_unit *unit_of_file(zcn_file *file, uint64_t offset, uint64_t size);
/* Options of a connection that takes everything into its queue. */
zcn_conn_options deep_options(void);
zcn_stats stats_of(zcn_conn *conn);
/* Whether the file system of /tmp reads past the page cache; not every one does. */
bool direct_reads_work(void);
/* So many descriptors are open, now or as soon as a helper thread is done with what it reads. */
void assert_descriptors_left(size_t expected);
/* Threads of this process: asked for before a helper can be there, and waited for at the end, since what a thread has
 * that still runs counts as lost. */
size_t thread_count(void);
void wait_for_threads(size_t expected);
