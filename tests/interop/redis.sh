#!/bin/sh
# SPDX-License-Identifier: MIT
# redis-benchmark and redis-cli with redis-server through the relay: pipelines, and values from a byte to megabytes.
. "$(dirname "$0")/shared/common.sh"
needs redis-server redis-benchmark redis-cli

socket=$work/redis
server redis redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$work"
within 30 redis-cli -s "$socket" ping
random_file "$work/large" 5000000

exercise() {
    what=$1
    shift
    through "$@"
    redis-benchmark -h "$host" -p "$port" -t set,get,incr,lpush,lrange_100 -n 5000 -c 20 -P 16 -q >"$work/bench.log" 2>&1 ||
        die "$what: redis-benchmark"
    ! grep -qi error "$work/bench.log" || die "$what: redis-benchmark found an error"
    redis-benchmark -h "$host" -p "$port" -t set,get -n 500 -c 5 -d 40000 -q >"$work/bench.log" 2>&1 ||
        die "$what: redis-benchmark with large values"
    [ "$(redis-cli -h "$host" -p "$port" set small value)" = OK ] || die "$what: set"
    [ "$(redis-cli -h "$host" -p "$port" get small)" = value ] || die "$what: get"
    case $what in
        *messages*) ;; # lines: a value without a line end in it is one line, which would have to fit into a block
        *)
            redis-cli -h "$host" -p "$port" -x set large <"$work/large" >/dev/null || die "$what: set of a large value"
            redis-cli -h "$host" -p "$port" get large >"$work/got" || die "$what: get of a large value"
            head -c 5000000 "$work/got" >"$work/got.cut"
            same "$work/large" "$work/got.cut" "$what: a large value"
            ;;
    esac
    over "$what"
}
exercise 'redis'
exercise 'redis, spliced' --method splice
exercise 'redis, messages' --framing 'delimiter=\r\n,max=200K' --framing-back 'delimiter=\r\n,max=200K'
