#!/bin/sh
# SPDX-License-Identifier: MIT
# A file that shrinks while it is sent ends the connection with an error, and no process with a signal.
. "$(dirname "$0")/shared/harness.sh"

# Far more than sockets hold, so that most of the file is still to be read when it is cut.
truncate -s 256M "$work/file" || skip 'no sparse files'
mkfifo "$work/frames"
for listen in tcp://127.0.0.1:0 "unix://$work/socket"; do
    truncate -s 256M "$work/file"
    # The receiver stands still as long as nobody reads what it writes. With raw framing it writes what has come.
    rm -f "$work/r.lines"
    mkfifo "$work/r.lines"
    timeout "$deadline" "$ZCNET" recv "$listen" --framing raw --once --frames "$work/frames" \
        >"$work/r.lines" 2>"$work/r.err" &
    receiver=$!
    exec 8<"$work/r.lines" 6<"$work/frames"
    read -r address <&8 || die 'no address'
    timeout "$deadline" "$ZCNET" send "$address" --framing length,max=1G --json "$work/file" \
        >"$work/s.out" 2>"$work/s.err" &
    sender=$!
    started="$started $receiver $sender"
    head -c 1000 <&6 >/dev/null
    truncate -s 4096 "$work/file"
    cat <&6 >/dev/null &
    exec 6<&-
    wait "$sender"
    equal $? 1 'status of a sender whose file shrank'
    holds "$work/s.err" '^zcnet: the connection failed after 0 messages: ' 'a file that shrank'
    holds "$work/s.out" '^\{"messages":0,.*"status":"ZCN_E[A-Z]+"' 'a file that shrank'
    cat <&8 >"$work/r.out"
    exec 8<&-
    wait "$receiver"
    case $? in
        0 | 1) ;; # whether the connection ended in order or by a reset
        *) die 'the receiver of a file that shrank' ;;
    esac
done
