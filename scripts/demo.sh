#!/bin/sh
# SPDX-License-Identifier: MIT
# Real files travel between two processes: every file under a directory is a message, first over loopback TCP, then
# over a Unix socket, and the receiver compares each with the file on disk.
#
#   demo.sh [BUILD] [DIR=/usr/include] [ZCNET=path of the tool]
set -eu

BUILD=build
for word; do
    case $word in
        DIR=*) DIR=${word#DIR=} ;;
        ZCNET=*) ZCNET=${word#ZCNET=} ;;
        *) BUILD=$word ;;
    esac
done
DIR=${DIR:-/usr/include}
ZCNET=${ZCNET:-$BUILD/zcnet}
framing=length,width=4,strip=4,max=1G
blocks=4M                  # of the receiver: larger than nearly every file, so that few straddle two of them
wanted_bytes=3000000000    # to move per transport
wanted_messages=200000     # but no more than about so many: small files cost more than their bytes
seconds=60                 # at most, per transport; a directory that is larger than wanted_bytes gets more

fail() {
    echo "demo: FAILED: $*" >&2
    exit 1
}

[ -x "$ZCNET" ] || fail "there is no tool at $ZCNET; 'make' builds it"
[ -d "$DIR" ] || fail "$DIR is no directory"

work=$(mktemp -d "${TMPDIR:-/tmp}/zcnet-demo.XXXXXX")
receiver=
clean_up() {
    status=$?
    trap - EXIT
    if [ -n "$receiver" ]; then
        kill "$receiver" 2>/dev/null || :
        wait "$receiver" 2>/dev/null || :
    fi
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

files=$(find -H "$DIR" -type f -exec sh -c 'echo $#' count {} + | awk '{ n += $1 } END { print n + 0 }')
[ "$files" -gt 0 ] || fail "there is no file under $DIR"
bytes=$(find -H "$DIR" -type f -exec wc -c {} + | awk '$2 != "total" { n += $1 } END { printf "%.0f", n }')
rounds=$(awk -v files="$files" -v bytes="$bytes" -v most="$wanted_messages" -v wanted="$wanted_bytes" 'BEGIN {
    rounds = bytes > 0 ? int(wanted / bytes) + 1 : 1
    if (rounds * files > most) rounds = int(most / files)
    print rounds < 1 ? 1 : rounds
}')
messages=$((files * rounds))
seconds=$((seconds + bytes / 50000000))
awk -v dir="$DIR" -v files="$files" -v bytes="$bytes" -v rounds="$rounds" 'BEGIN {
    printf "Every file under %s is a message: %d files, %.1f MB, sent %d times.\n", dir, files, bytes / 1e6, rounds
}'

# The tables of the two processes side by side. A line is a name of 14 columns and a figure.
side_by_side() {
    awk '
        FNR == NR { if (length($0) > 14) sent[substr($0, 1, 14)] = substr($0, 15); next }
        substr($0, 1, 14) in sent { got[substr($0, 1, 14)] = substr($0, 15) }
        END {
            printf "  %-14s%-36s%s\n", "", "sender", "receiver"
            count = split("messages,bytes,time,rate,system calls,iovecs,copied,peak memory", names, ",")
            for (i = 1; i <= count; i++) {
                name = sprintf("%-14s", names[i])
                printf "  %s%-36s%s\n", name, sent[name], got[name]
            }
        }' "$work/sent" "$work/received"
}

# transfer NAME ADDRESS
transfer() {
    rm -f "$work/lines"
    mkfifo "$work/lines"
    timeout --foreground -k 5 "$seconds" "$ZCNET" recv "$2" --framing "$framing" --once --stats \
        --block-size "$blocks" --verify "$DIR" --expect "$messages" >"$work/lines" 2>"$work/complaints" &
    receiver=$!
    exec 3<"$work/lines"
    if ! read -r address <&3; then
        cat "$work/complaints" >&2
        fail "$1: the receiver did not start"
    fi
    printf '\n%s, %s\n' "$1" "$address"
    sent=0
    timeout --foreground -k 5 "$seconds" "$ZCNET" send "$address" --framing "$framing" --repeat "$rounds" "$DIR" \
        >"$work/sent" || sent=$?
    [ "$sent" -eq 0 ] || kill "$receiver" 2>/dev/null || :  # it may wait for a sender that never came
    cat <&3 >"$work/received"
    exec 3<&-
    received=0
    wait "$receiver" || received=$?
    receiver=
    cat "$work/complaints" >&2
    case $sent,$received in
        0,0) ;;
        *124*|*137*) fail "$1: it took more than $seconds seconds" ;;
        *) fail "$1: the sender ended with status $sent, the receiver with $received" ;;
    esac
    side_by_side
}

transfer "loopback TCP" tcp://127.0.0.1:0
transfer "Unix socket" "unix://$work/socket"

printf '\ndemo: success: all of 2 x %s messages were equal to their files\n' "$messages"
