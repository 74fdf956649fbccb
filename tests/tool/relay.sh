#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet relay: what a sender sends through it is what the receiver gets, by each method, tapped, counted, and both sides
# see each other's ends.
. "$(dirname "$0")/shared/harness.sh"

awk 'BEGIN { for (i = 0; i < 30000; i++) printf "%d %0100d\n", i, i * 7919 }' >"$work/file"
size=$(wc -c <"$work/file")

# start_relay NAME LISTEN OPTIONS…: between a receiver that start r has started and whoever comes; $entry is its address.
start_relay() {
    entry_listen=$1
    target=$address
    shift
    start s relay "$entry_listen" "$target" "$@"
    entry=$address
    case $entry in '{'*) entry=$(printf '%s\n' "$entry" | sed 's/.*:"\(.*\)"}/\1/') ;; esac
}

for method in auto splice copy; do
    for listen in tcp://127.0.0.1:0 "unix://$work/entry"; do
        start r recv tcp://127.0.0.1:0 --framing length --once --frames "$work/frames"
        start_relay "$listen" --once --json --method "$method" --tap "$work/tap" --tap-back "$work/tap-back"
        run 0 send "$entry" --framing length "$work/file" "$work/file" "$work/file"
        finish r 0
        finish s 0
        same "$work/tap" "$work/frames" "the tap of $method over $listen"
        equal "$(wc -c <"$work/tap-back")" 0 'bytes that the receiver sent'
        equal "$(member "$work/s.out" forward_bytes)" $((3 * (size + 4))) "bytes through $method"
        equal "$(member "$work/s.out" lost_bytes)" 0 'bytes lost'
        equal "$(member "$work/s.out" tapped_bytes)" $((3 * (size + 4))) "bytes tapped from $method"
        holds "$work/s.out" '^\{"connection":1,.*"status":"ZCN_EOF","detail":"[^"]+"\}$' "the relay's line"
        case $method in
            splice) equal "$(member "$work/s.out" copied_bytes)" 0 'bytes copied by splice' ;;
            copy) equal "$(member "$work/s.out" spliced_bytes)" 0 'bytes spliced by copy' ;;
        esac
    done
done

# Messages are counted, and bodies pass through the kernel.
start r recv tcp://127.0.0.1:0 --framing length --once --frames "$work/frames"
start_relay tcp://127.0.0.1:0 --once --framing length --framing-back length --method splice
run 0 send "$entry" --framing length "$work/file" "$work/file"
finish r 0
finish s 0
holds "$work/s.out" "^connection 1: 2 messages forward, 0 messages back, .* ZCN_EOF" 'the line with messages'

# An echo: both directions at once, and the ends in order.
start r echo tcp://127.0.0.1:0 --framing length --once
start_relay tcp://127.0.0.1:0 --once --stats --json
run 0 ping "$entry" --framing length --count 300 --size 2000
finish r 0
finish s 0
equal "$(sed -n 2p "$work/s.out" | sed 's/.*"connections":\([0-9]*\).*/\1/')" 1 'connections of the totals'
equal "$(member "$work/s.out" forward_bytes | sort -u)" "$(member "$work/s.out" backward_bytes | sort -u)" 'bytes both ways'

# What went through is on the page of counters, while it is open and after it has ended.
for method in splice copy; do
    start r echo tcp://127.0.0.1:0 --framing length
    start_relay tcp://127.0.0.1:0 --quiet --method $method --stat "unix://$work/$method"
    run 0 ping "$entry" --framing length --count 20 --size 20000
    open_lines "$entry"
    echo hello >&7
    tries=0
    until run 0 stat "unix://$work/$method" --json && [ "$(member "$work/run.out" relay_ended)" = 1 ] &&
        grep -q '"relays":\[{"first":"tcp://127.0.0.1:[0-9]*","second":"'"$target"'",.*"forward_bytes":9,' "$work/run.out"; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] || die 'the open relay is not listed'
        sleep 0.02
    done
    equal "$(member "$work/run.out" relay_open)" 1 'open relays'
    equal "$(member "$work/run.out" relay_failed)" 0 'failed relays'
    through=$(sed 's/"conns".*//' "$work/run.out")
    echo "$through" >"$work/run.out"
    [ "$(member "$work/run.out" relay_forward_bytes)" -gt 400000 ] || die 'bytes forward'
    [ "$(member "$work/run.out" relay_backward_bytes)" -gt 400000 ] || die 'bytes back'
    case $method in
        splice) equal "$(member "$work/run.out" relay_copied_bytes)" 0 'bytes copied by splice' ;;
        copy) equal "$(member "$work/run.out" relay_spliced_bytes)" 0 'bytes spliced by copy' ;;
    esac
    close_lines
    kill -TERM "$sender"
    finish s 0
    kill -TERM "$receiver"
    finish r 0
done

# Many connections of a relay that goes on, until a signal ends it.
start r echo tcp://127.0.0.1:0 --framing length
start_relay tcp://127.0.0.1:0 --quiet --stats
for _ in 1 2 3 4 5; do run 0 ping "$entry" --framing length --count 20 --size 100; done
kill -TERM "$sender"
finish s 0
holds "$work/s.out" '^connections  5 \(0 failed\)$' 'totals after a signal'
equal "$(grep -c '^connection ' "$work/s.out")" 0 'lines of a quiet relay'
kill -TERM "$receiver"
finish r 0

# A target that refuses; one that cannot be looked up; a wrong frame.
start r recv tcp://127.0.0.1:0 --framing length --once
refusing=$address
run 0 send "$refusing" --framing length "$work/file"
finish r 0
address=$refusing
start_relay tcp://127.0.0.1:0 --once
run 1 send "$entry" --framing length "$work/file"
finish s 1
holds "$work/s.out" '^connection 1: 0 bytes forward, 0 back, .* ZCN_EREFUSED \(the target: ' 'a target that refuses'

start r recv tcp://127.0.0.1:0 --framing length --once
start_relay tcp://127.0.0.1:0 --once --framing length,max=100
run 1 send "$entry" --framing length "$work/file"
finish s 1
finish r 1
holds "$work/s.out" '^connection 1: .* ZCN_EFRAME_TOO_LARGE ' 'a frame that is too large'

# A tap that is full.
if [ -w /dev/full ]; then
    start r recv tcp://127.0.0.1:0 --framing length --once
    start_relay tcp://127.0.0.1:0 --once --tap /dev/full
    run 0 send "$entry" --framing length "$work/file"
    finish r 0
    finish s 1
    holds "$work/s.err" '^zcnet: /dev/full lacks [0-9,]* bytes of connection 1: the disk, a quota' 'a full tap'
fi
# One that may not grow as much ends, and the relay does not.
start r recv tcp://127.0.0.1:0 --framing length --once
limited '-f 8' start_relay tcp://127.0.0.1:0 --once --tap "$work/small"
run 0 send "$entry" --framing length "$work/file"
finish r 0
finish s 1
holds "$work/s.err" '^zcnet: .*/small lacks [0-9,]* bytes of connection 1: the disk, a quota' 'a tap that may not grow'
# A tap that nobody reads.
mkfifo "$work/unread"
run 1 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --tap "$work/unread"
run 1 files "$work/unread"

# Wrong usage.
run 2 relay
run 2 relay tcp://127.0.0.1:0
run 2 relay nonsense tcp://127.0.0.1:1
run 2 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --method fast
holds "$work/run.err" '^zcnet: .*--method is one of auto, splice, copy' 'a wrong method'
run 2 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --tap-policy never
run 2 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --framing nonsense
run 2 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --first fixed=3
run 1 relay tcp://127.0.0.1:0 tcp://127.0.0.1:1 --tap "$work/none/file"
run 0 relay --help
holds "$work/run.out" '--tap-policy' 'the help'
