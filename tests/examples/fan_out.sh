#!/bin/sh
# SPDX-License-Identifier: MIT
# Every receiver gets every tick: a few processes, and a thousand connections of one.
. "$(dirname "$0")/shared/examples.sh"

fanned_out "$EXAMPLES/fan_out" 3 4
for program in fan_out subscribe; do
    example 2 $program
    example 2 $program address 0 0
done
example 1 subscribe "unix://$work/nobody" 100
allow_thousand
for at in tcp://127.0.0.1:0 "unix://$work/ticker"; do
    thousand "$EXAMPLES/fan_out" "$EXAMPLES/subscribe" "$at"
done
