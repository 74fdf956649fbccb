#!/bin/sh
# SPDX-License-Identifier: MIT
# Every receiver gets every tick.
. "$(dirname "$0")/shared/examples.sh"

fanned_out "$EXAMPLES/fan_out" 3 4
example 2 fan_out
