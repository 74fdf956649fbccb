#!/bin/sh
# SPDX-License-Identifier: MIT
# A ticker in another language with a thousand subscribers in C, and the other way where the language has subscribers, over
# TCP and Unix sockets.
#   fan_out.sh LANGUAGE FOLDER      FOLDER has its programs; $EXAMPLES has those in C, and $ZCNET is the tool
. "$(dirname "$0")/../examples/shared/examples.sh"
language=$1 other=$2

says 2 '^usage' "$other/fan_out"
fanned_out "$other/fan_out" 3 3
allow_thousand
for at in tcp://127.0.0.1:0 "unix://$work/ticker"; do
    transport=${at%%:*}
    thousand "$other/fan_out" "$EXAMPLES/subscribe" "$at"
    echo "ok      1000 subscribers in C of a ticker in $language, $transport"
    [ -x "$other/subscribe" ] || continue
    for server in "$EXAMPLES" "$other"; do
        thousand "$server/fan_out" "$other/subscribe" "$at"
    done
    echo "ok      1000 subscribers in $language of tickers in C and $language, $transport"
done
[ ! -x "$other/subscribe" ] || says 2 '^usage' "$other/subscribe"
