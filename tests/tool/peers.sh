#!/bin/sh
# SPDX-License-Identifier: MIT
# Peers that are not there, send nonsense, stop in a message or are killed.
. "$(dirname "$0")/shared/harness.sh"

printf 'hello' >"$work/file"

# Nobody listens: on a port that no system gives out, and at a path that is not there.
address=tcp://127.0.0.1:1
run 1 send "$address" --framing raw "$work/file"
holds "$work/run.err" "^zcnet: cannot connect to $address: " 'nobody listens'
run 1 ping "$address"
holds "$work/run.err" "^zcnet: cannot connect to $address: " 'nobody listens for a ping'
run 1 recv "unix://$work/absent" --framing raw --connect --json
holds "$work/run.out" '^\{"connection":1,"messages":0,"bytes":0,"trailing_bytes":0,"copied_bytes":0,"status":"ZCN_E[A-Z]+","detail":"[^"]+"\}$' 'nobody listens at a path'
run 1 recv "unix:///nowhere/at/all" --framing raw
holds "$work/run.err" 'cannot listen on unix:///nowhere/at/all: ' 'a path that cannot be made'

# The address is in use.
start r recv tcp://127.0.0.1:0 --framing raw --once
run 1 echo "$address" --framing raw
holds "$work/run.err" "cannot listen on $address: " 'an address in use'
run 0 send "$address" --framing raw "$work/file"
finish r 0

# wrong TEXT BYTES STATUS-NAME MESSAGES BYTES TRAILING
wrong() {
    printf "$2" >"$work/stream"
    start r recv tcp://127.0.0.1:0 --framing "$1" --once --json
    address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
    zcnet send "$address" --framing raw "$work/stream" >/dev/null 2>&1
    finish r 1
    holds "$work/r.out" "^\\{\"connection\":1,\"messages\":$4,\"bytes\":$5,\"trailing_bytes\":$6,\"copied_bytes\":[0-9]+,\"status\":\"$3\",\"detail\":\"[^\"]+\"\\}\$" "$1 with $2"
}
wrong length,strip=4 '\0\0\0\1a\0\0\0\5bcd' ZCN_EFRAME_TRUNCATED 1 5 7
wrong length,strip=4 '\0\0' ZCN_EFRAME_TRUNCATED 0 0 2
wrong length,max=1K '\0\0\0\1a\177\377\377\377' ZCN_EFRAME_TOO_LARGE 1 5 '[0-9]+'
wrong length,adjust=-4 '\0\0\0\4\0\0\0\3' ZCN_EFRAME_UNDERFLOW 1 4 '[0-9]+'
wrong varint,max_varint=1 '\1a\200' ZCN_EFRAME_VARINT 1 2 '[0-9]+'
wrong length,width=1,strip=3 '\2ab\1a' ZCN_EFRAME_STRIP 1 3 '[0-9]+'
wrong 'delimiter=\n,max=4' 'abc\nabcde' ZCN_EFRAME_TOO_LARGE 1 4 '[0-9]+'
wrong fixed=4 'abcdef' ZCN_EFRAME_TRUNCATED 1 4 2

# One bad connection among good ones: the others go on, and the end says so.
start r recv tcp://127.0.0.1:0 --framing length,max=1K --count 2 --json
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
run 0 send "$address" --framing length "$work/file"
printf '\377\377\377\377' | zcnet send "$address" --framing raw - >/dev/null 2>&1
run 0 send "$address" --framing length "$work/file"
finish r 1
holds "$work/r.out" '^\{"connection":2,.*"status":"ZCN_EFRAME_TOO_LARGE"' 'the bad one of three'
holds "$work/r.out" '^\{"connection":3,"messages":1,"bytes":9,' 'the last of three'

# under_way NAME: an endless stream of large files, of which the receiver has written some. Neither has a parent that
# would outlive it.
mkfifo "$work/frames"
head -c 3000000 /dev/zero >"$work/large"
under_way() {
    rm -f "$work/r.lines"
    mkfifo "$work/r.lines"
    "$ZCNET" recv tcp://127.0.0.1:0 --framing length,max=1G --once --json --frames "$work/frames" \
        >"$work/r.lines" 2>"$work/r.err" &
    receiver=$!
    exec 8<"$work/r.lines" 6<"$work/frames"
    read -r address <&8 || die 'no address'
    address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
    "$ZCNET" send "$address" --framing length,max=1G --repeat 1000000000 "$work/large" >/dev/null 2>"$work/s.err" &
    sender=$!
    started="$started $receiver $sender"
    head -c 1000 <&6 >/dev/null
    cat <&6 >/dev/null &
    exec 6<&-
}

under_way
kill -KILL "$sender"
wait "$sender" 2>/dev/null
cat <&8 >"$work/r.out"
wait "$receiver"
case $?,$(cat "$work/r.out") in
    1,*'"status":"ZCN_EFRAME_TRUNCATED"'* | 1,*'"status":"ZCN_ERESET"'*) ;;
    0,*'"trailing_bytes":0,'*'"status":"ZCN_EOF"'*) ;; # it had just ended a message
    *) die 'a sender that was killed' ;;
esac

under_way
kill -KILL "$receiver"
wait "$receiver" 2>/dev/null
wait "$sender"
equal $? 1 'status of a sender whose receiver was killed'
holds "$work/s.err" '^zcnet: (the connection failed|the peer ended the connection) after ' 'a receiver that was killed'

# A receiver that has enough ends the connection, and the sender says so.
start r recv "unix://$work/socket" --framing length,max=1G --count 2
run 1 send "$address" --framing length,max=1G --repeat 1000000000 "$work/large"
finish r 0
holds "$work/r.out" '^connection 1: 2 messages, 6,000,008 bytes' 'a receiver that has enough'

# A file that is too large for the framing, or of the wrong size.
start r recv tcp://127.0.0.1:0 --framing length,max=1M --once
run 1 send "$address" --framing length,max=1M "$work/file" "$work/large"
holds "$work/run.err" 'large has 3,000,000 bytes; the framing carries at most 1,048,5' 'a file that is too large'
finish r 0
holds "$work/r.out" '^connection 1: 1 message, 9 bytes' 'what came before the file that is too large'
start r recv tcp://127.0.0.1:0 --framing fixed=4 --once
run 1 send "$address" --framing fixed=4 "$work/file" --json
holds "$work/run.out" '"status":"ZCN_EFRAME_' 'a file that does not have the fixed size'
finish r 0
start r recv tcp://127.0.0.1:0 --framing 'delimiter=l,check=1' --once
run 1 send "$address" --framing 'delimiter=l,check=1' "$work/file" --json
holds "$work/run.out" '"status":"ZCN_EFRAME_DELIMITER"' 'a body that contains the delimiter'
finish r 0

# Results that cannot be written.
if [ -c /dev/full ]; then
    start r recv tcp://127.0.0.1:0 --framing raw --once --frames /dev/full
    zcnet send "$address" --framing raw "$work/file" >/dev/null 2>&1
    finish r 1
    holds "$work/r.err" '/dev/full: ' 'a full disk'
fi
run 1 recv tcp://127.0.0.1:0 --framing raw --sizes /nowhere/sizes
holds "$work/run.err" '/nowhere/sizes: ' 'a file that cannot be made'
