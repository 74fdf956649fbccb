#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes go downward only: api, net, io, receive | send, framing, memory, os, base. The tool sees the public headers
# and its own. Framing, receive and send see no descriptor, clock or thread, and system calls stand in os alone.
#   layers.sh SRC
set -eu
cd "$1"

find . -name '*.h' -o -name '*.cpp' | sort | xargs awk '
BEGIN {
    below["base"] = "base"
    below["os"] = below["base"] " os"
    below["memory"] = below["os"] " memory"
    below["framing"] = below["memory"] " framing"
    below["receive"] = below["framing"] " receive"
    below["send"] = below["framing"] " send"
    below["io"] = below["framing"] " receive send io"
    below["net"] = below["io"] " net"
    below["api"] = below["net"] " api"
    below["tools"] = "tools"

    for (room in below) {
        count = split(below[room], names, " ")
        for (i = 1; i <= count; i++) allowed[room, names[i]] = 1
    }
    list("unistd.h fcntl.h poll.h sys/mman.h sys/eventfd.h sys/ioctl.h sys/sendfile.h sys/uio.h sys/epoll.h " \
         "sys/socket.h sys/un.h netdb.h netinet/in.h netinet/tcp.h pthread.h signal.h time.h sys/time.h thread mutex " \
         "shared_mutex condition_variable future semaphore chrono ctime csignal", pure)
    delete pure["sys/uio.h"]  # struct iovec is memory, not a descriptor
    list("unistd.h fcntl.h poll.h sys/mman.h sys/eventfd.h sys/ioctl.h sys/sendfile.h", calls)
}
function list(text, set,    names, count, i) {
    count = split(text, names, " ")
    for (i = 1; i <= count; i++) set[names[i]] = 1
}
function fault(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    faults++
}
FNR == 1 {
    files++
    split(FILENAME, parts, "/")
    room = parts[2]
    if (!(room in below)) fault("there is no room src/" room)
}
/^[ \t]*#[ \t]*include/ {
    if (!match($0, /[<"][^>"]*[>"]/)) {
        fault("an include that cannot be read: " $0)
        next
    }
    includes++
    quoted = substr($0, RSTART, 1) == "\""
    path = substr($0, RSTART + 1, RLENGTH - 2)
    slash = index(path, "/")
    target = slash ? substr(path, 1, slash - 1) : (quoted ? room : "")
    if (path ~ /(^|\/)\.\.?\//) fault("a path that walks through folders: " path)
    else if (target == "zcnet") next
    else if (target in below) {
        if (room in below && !((room, target) in allowed)) fault("src/" room " may not include " path)
    } else if (quoted) fault("no room of src holds " path)
    else if ((room == "framing" || room == "receive" || room == "send") && path in pure)
        fault("src/" room " sees no descriptor, clock or thread: <" path ">")
    else if (room != "os" && room != "tools" && path in calls)
        fault("system calls stand in src/os: <" path ">")
}
END {
    if (!includes) {
        print "no include was found: is this the source folder?"
        exit 1
    }
    printf "%d files, %d includes, %d faults\n", files, includes, faults
    exit faults > 0
}'
