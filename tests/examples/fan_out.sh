#!/bin/sh
# SPDX-License-Identifier: MIT
# Every receiver gets every tick.
. "$(dirname "$0")/shared/examples.sh"

serve ticker "$EXAMPLES/fan_out" tcp://127.0.0.1:0 3 4
receivers=
for i in 1 2 3; do
    "$ZCNET" recv "$address" --connect --framing 'delimiter=\n,strip=1' --frames "$work/ticks$i" \
        >"$work/receiver$i.out" 2>&1 &
    receivers="$receivers $!"
    started="$started $!"
done
ended "$pid" 0 'the ticker'
for receiver in $receivers; do ended "$receiver" 0 'a receiver'; done
equal "$(sed 1d "$work/ticker.out")" '4 ticks, 0 missed' 'what the ticker says'
printf 'tick %d\n' 1 2 3 4 >"$work/expected"
for i in 1 2 3; do same "$work/expected" "$work/ticks$i" "receiver $i got something else"; done
example 2 fan_out
