#!/bin/sh
# SPDX-License-Identifier: MIT
# memcached with a client of its binary protocol through the relay.
. "$(dirname "$0")/shared/common.sh"
needs memcached memccp memccat memcslap memcexist

socket=$work/memcached
as_user=
[ "$(id -u)" -ne 0 ] || as_user='-u root'
server memcached memcached -s "$socket" -B auto -I 4m $as_user
within 30 test -S "$socket"
mkdir "$work/files"
for size in 1 100 5000 300000 900000; do random_file "$work/files/value$size" "$size"; done

exercise() {
    what=$1
    shift
    through "$@"
    for size in 1 100 5000 300000 900000; do
        memccp --binary --servers="$host:$port" "$work/files/value$size" >"$work/client.log" 2>&1 || die "$what: memccp of $size"
        memcexist --binary --servers="$host:$port" "value$size" >"$work/client.log" 2>&1 || die "$what: memcexist of $size"
        memccat --binary --servers="$host:$port" --file="$work/got" "value$size" >"$work/client.log" 2>&1 ||
            die "$what: memccat of $size"
        same "$work/files/value$size" "$work/got" "$what: a value of $size bytes"
    done
    memcslap --binary --servers="$host:$port" --concurrency=4 --execute-number=500 --test=set >"$work/client.log" 2>&1 ||
        die "$what: memcslap"
    over "$what"
}
packets='length,offset=8,adjust=12,max=64M'
exercise 'memcached'
exercise 'memcached, spliced' --method splice
exercise 'memcached, messages' --framing "$packets" --framing-back "$packets"
