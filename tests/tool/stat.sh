#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet stat: the counters of a running program, as a table, JSON and the text of Prometheus, and what it says where there
# are none.
. "$(dirname "$0")/shared/harness.sh"

seq 1000 >"$work/file"
at="unix://$work/stat"
start r recv tcp://127.0.0.1:0 --framing length,strip=4 --stat "$at"
equal "$(stat -c %a "$work/stat")" 600 'permissions of the socket'

run 0 stat "$at"
holds "$work/run.out" '^zcnet [0-9.]+$' 'the version'
holds "$work/run.out" '^loop_polls +[1-9]' 'polls of the loop'
grep -q 'total_messages_in' "$work/run.out" && die 'what is 0 is printed without --all'
run 0 stat "$at" --all
holds "$work/run.out" '^total_messages_in +0$' 'messages before there were any'

run 0 send "$address" --framing length,strip=4 "$work/file" "$work/file"
# The sender ends when the receiver's kernel has all of it; the receiver may still be reading.
tries=0
until run 0 stat "$at" --json && [ "$(member "$work/run.out" loop_closed)" = 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || die 'the connection never closed'
    sleep 0.02
done
equal "$(wc -l <"$work/run.out")" 1 'lines of JSON'
equal "$(member "$work/run.out" total_messages_in)" 2 'messages'
equal "$(member "$work/run.out" total_bytes_in)" $((2 * ($(wc -c <"$work/file") + 4))) 'bytes'
equal "$(member "$work/run.out" loop_connections)" 0 'connections'

run 0 stat "$at" --prometheus
holds "$work/run.out" '^# TYPE zcnet_messages_in_total counter$' 'type of a counter'
holds "$work/run.out" '^zcnet_messages_in_total 2$' 'a counter'
holds "$work/run.out" '^# TYPE zcnet_pool_reserved_bytes gauge$' 'type of a gauge'
grep -q 'Not known' "$work/run.out" && die 'a counter has no words'
equal "$(grep -c '^# TYPE' "$work/run.out")" "$(grep '^# TYPE' "$work/run.out" | sort -u | wc -l)" 'names, each once'
# Another's judgement where it is installed; ours always.
if command -v promtool >/dev/null; then
    promtool check metrics <"$work/run.out" >"$work/promtool.out" 2>&1 || die 'promtool finds faults'
fi
if command -v python3 >/dev/null; then
    python3 "$(dirname "$0")/stat/exposition.py" <"$work/run.out" >"$work/format.out" || die 'the format of Prometheus'
fi

# A connection that is open is listed, with what it has brought.
open_lines "$address"
echo hello >&7
tries=0
until run 0 stat "$at" && grep -Eq '^conn tcp://127.0.0.1:[0-9]+ state 2 .* messages_in 1 ' "$work/run.out"; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || die 'the connection is not listed'
    sleep 0.02
done
close_lines

run 0 stat "$at" --every 1 --count 2
holds "$work/run.out" '^loop_waits +[0-9,]+ +[0-9]+ /s$' 'a rate'

# A program that does not poll does not answer.
kill -STOP "$receiver"
run 1 stat "$at" --timeout 1
holds "$work/run.err" 'does not answer: its loop was not polled for 1 second$' 'a program that stands still'
kill -CONT "$receiver"
run 0 stat "$at"

kill "$receiver"
finish r 0
[ -e "$work/stat" ] && die 'the socket file is left behind'

run 1 stat "$at"
holds "$work/run.err" 'cannot read from' 'nobody there'
# Something else at the other end, which waits for words of this side.
start r echo "unix://$work/echo" --framing length,strip=4
run 1 stat "unix://$work/echo" --timeout 1
holds "$work/run.err" 'does not answer' 'an echo is no page'
kill "$receiver"
finish r 0
command -v python3 >/dev/null || skip 'the format of Prometheus: python3 is not installed (the rest passed)'
