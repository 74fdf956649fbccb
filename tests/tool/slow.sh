#!/bin/sh
# SPDX-License-Identifier: MIT
# A receiver that stands still for a while loses nothing: zcnet send waits until it has taken the rest.
. "$(dirname "$0")/shared/harness.sh"

head -c 30000000 /dev/urandom >"$work/file"
text=length,width=4,strip=4,max=1G
start r recv tcp://127.0.0.1:0 --framing "$text" --once --frames "$work/frames" --json
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
kill -STOP "$receiver"
zcnet send "$address" --framing "$text" --json "$work/file" >"$work/s.out" 2>"$work/s.err" &
sender=$!
started="$started $sender"
# The time is the matter here: longer than a sender may think that a connection needs to end.
sleep 9
kill -0 "$sender" 2>/dev/null || die 'the sender did not wait'
kill -CONT "$receiver"
wait "$sender" || die 'the sender failed'
finish r 0
equal "$(member "$work/r.out" messages)" 1 messages
equal "$(member "$work/s.out" bytes)" 30000004 'bytes sent'
tail -c 30000000 "$work/frames" >"$work/got"
same "$work/file" "$work/got" 'the file'
