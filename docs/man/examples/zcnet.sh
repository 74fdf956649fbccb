#!/bin/sh
# SPDX-License-Identifier: MIT
# A receiver prints its address first. Every line is a message here.
zcnet recv tcp://127.0.0.1:0 --framing 'delimiter=\n' --once | {
    read -r address
    seq 1000 | zcnet send "$address" --framing 'delimiter=\n' --lines -
    cat
}

# Percentiles of round trips against an echo.
zcnet echo tcp://127.0.0.1:0 --framing length,strip=4 --once | {
    read -r address
    zcnet ping "$address" --framing length,strip=4 --size 64 --count 1000
    cat
}

# Where the frames of a capture are.
printf '\0\5hello\0\5world' | zcnet framing length,width=2,strip=2 -

# The counters of an echo, from outside.
zcnet echo tcp://127.0.0.1:0 --framing length,strip=4 --once --stat unix-abstract:zcnet-example | {
    read -r address
    zcnet stat unix-abstract:zcnet-example
    zcnet ping "$address" --framing length,strip=4 --count 10
    cat
}
