#!/bin/sh
# SPDX-License-Identifier: MIT
# No object of the library but the kernel's side of the os seam refers to a system call.
#   seam.sh ARCHIVE
set -eu

nm -A -u "$1" | awk '
BEGIN {
    count = split("socket socketpair bind listen accept accept4 connect shutdown close read readv pread preadv write " \
                  "writev pwrite pwritev send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg sendfile splice tee " \
                  "vmsplice pipe pipe2 mmap munmap mremap madvise mprotect epoll_create epoll_create1 epoll_ctl epoll_wait " \
                  "epoll_pwait epoll_pwait2 poll ppoll select eventfd timerfd_create ioctl fcntl open openat unlink chmod " \
                  "getsockopt setsockopt getsockname getpeername clock_gettime gettimeofday time nanosleep usleep sleep " \
                  "syscall malloc calloc realloc posix_memalign aligned_alloc printf puts fprintf getenv", names, " ")
    for (i = 1; i <= count; i++) banned[names[i]] = 1
}
{
    name = $NF
    sub(/@.*/, "", name)
    sub(/64$/, "", name)
    member = $1
    sub(/:$/, "", member)
    sub(/.*:/, "", member)
    members[member] = 1
    if (member == "linux.cpp.o") {
        if (name in banned) kernel++
    } else if (name in banned) {
        print member " refers to " name
        faults++
    }
}
END {
    for (member in members) total++
    if (!kernel) print "linux.cpp.o refers to no system call: is this the archive of the internals?"
    printf "%d objects, %d faults\n", total, faults
    exit faults > 0 || !kernel
}'
