#!/bin/sh
# SPDX-License-Identifier: MIT
# Streams over plain reads and writes, and the loop inside poll(2).
. "$(dirname "$0")/shared/examples.sh"

example 0 stream_socketpair 20000
printed '20000 answers, 0 wrong' 'streams over a socketpair'

start r echo tcp://127.0.0.1:0 --framing 'delimiter=\n' --once
printf 'one\ntwo\n\nthe last\n' | example 0 foreign_loop "$address"
printed "$(printf '3 one\n3 two\n0 \n8 the last')" 'lines and their answers'
finish r 0
# More than the connection takes at once, from a file that is always readable.
i=0
while [ $i -lt 100000 ]; do i=$((i + 1)); echo "line number $i"; done >"$work/lines"
start r echo "unix://$work/socket" --framing 'delimiter=\n' --once
example 0 foreign_loop "$address" <"$work/lines"
finish r 0
sed 's/^[0-9]* //' "$work/run.out" >"$work/answers"
same "$work/lines" "$work/answers" 'lines were lost or changed'
example 1 foreign_loop "unix://$work/nobody" </dev/null
holds "$work/run.err" 'nobody listens' 'nobody to talk to'
