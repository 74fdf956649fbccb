/* SPDX-License-Identifier: MIT */
/* For programs with many connections: each is a descriptor, and the usual limit is 1024. */
#ifndef ZCNET_EXAMPLE_DESCRIPTORS_H
#define ZCNET_EXAMPLE_DESCRIPTORS_H

#include <stdio.h>
#include <sys/resource.h>

/* Raises the soft limit so far that there is room for so many connections; 0 where the hard limit is too low. */
static int allow_connections(size_t count) {
    struct rlimit limit;
    const rlim_t needed = (rlim_t)count + 24; /* for the loop, the listener, and what the process has anyway */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    if (limit.rlim_cur >= needed) return 1;
    limit.rlim_cur = needed;
    if (limit.rlim_max >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0) return 1;
    fprintf(stderr, "%zu connections need %llu descriptors, and the hard limit is %llu\n", count,
            (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    return 0;
}

#endif
