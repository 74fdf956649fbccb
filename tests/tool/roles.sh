#!/bin/sh
# SPDX-License-Identifier: MIT
# Either side may listen; --once, --count and signals end in order.
. "$(dirname "$0")/shared/harness.sh"

printf 'hello' >"$work/file"

# The sender listens.
for listen in tcp://127.0.0.1:0 "unix://$work/socket"; do
    start s send "$listen" --framing length --listen "$work/file" "$work/file"
    run 0 recv "$address" --framing length --connect --frames "$work/frames"
    finish s 0
    printf '\0\0\0\5hello\0\0\0\5hello' >"$work/wanted"
    same "$work/wanted" "$work/frames" "a sender that listens on $listen"
    holds "$work/run.out" '^connection 1: 2 messages, 18 bytes' 'a receiver that connects'
    equal "$(wc -l <"$work/run.out")" 1 'lines of a receiver that connects'
done

# ends SIGNAL STATUS WORDS…: a verb that waits for connections, with one open, ends in order.
ends() {
    signal=$1 wanted=$2
    shift 2
    start r "$@" --json
    address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
    mkfifo "$work/input"
    zcnet send "$address" --framing length,strip=4 --lines - <"$work/input" >/dev/null 2>&1 &
    sender=$!
    started="$started $sender"
    exec 7>"$work/input"
    # More than pipe and sockets hold between them: when it has been written, the connection is being read from.
    awk 'BEGIN { for (i = 0; i < 20000; i++) printf "%01000d\n", i }' >&7
    kill -"$signal" "$receiver"
    finish r "$wanted"
    exec 7>&-
    wait "$sender"
    rm "$work/input"
    holds "$work/r.out" '^\{"connection":1,"messages":[1-9][0-9]*,.*"status":"ZCN_OK","detail":"[^"]+"\}$' "$* after $signal"
}
for signal in INT TERM; do
    ends $signal 0 recv tcp://127.0.0.1:0 --framing length
    ends $signal 0 echo "unix://$work/socket" --framing length
    ends $signal 1 recv tcp://127.0.0.1:0 --framing length --count 100000
    holds "$work/r.err" '^zcnet: interrupted$' 'a count that was not reached'
done
