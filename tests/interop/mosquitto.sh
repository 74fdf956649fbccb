#!/bin/sh
# SPDX-License-Identifier: MIT
# mosquitto's clients and its broker through the relay: many small messages, large ones, and one that is retained.
. "$(dirname "$0")/shared/common.sh"
PATH=$PATH:/usr/sbin
needs mosquitto mosquitto_pub mosquitto_sub

socket=$work/broker
cat >"$work/conf" <<END
listener 0 $socket
allow_anonymous true
persistence false
max_queued_messages 0
END
[ "$(id -u)" -ne 0 ] || echo 'user root' >>"$work/conf"
server mosquitto mosquitto -c "$work/conf"
within 30 test -S "$socket"
seq 1 3000 | sed 's/$/ of three thousand/' >"$work/lines.txt"
random_file "$work/large" 3000000

exercise() {
    what=$1
    shift
    through "$@"
    mosquitto_sub -h "$host" -p "$port" -t lines -q 1 -C 3001 >"$work/got" 2>"$work/sub.log" &
    subscriber=$!
    started="$started $subscriber"
    # The subscriber is there when it gets what is published until it does.
    mosquitto_pub -h "$host" -p "$port" -t lines -q 1 -r -m first 2>"$work/pub.log" || die "$what: mosquitto_pub"
    within 30 test -s "$work/got"
    mosquitto_pub -h "$host" -p "$port" -t lines -q 1 -l <"$work/lines.txt" 2>"$work/pub.log" || die "$what: mosquitto_pub -l"
    wait "$subscriber" || die "$what: mosquitto_sub"
    tail -n +2 "$work/got" >"$work/got.lines"
    same "$work/lines.txt" "$work/got.lines" "$what: small messages"
    mosquitto_pub -h "$host" -p "$port" -t large -q 2 -r -f "$work/large" || die "$what: a large message"
    mosquitto_sub -h "$host" -p "$port" -t large -q 2 -C 1 -N >"$work/got" || die "$what: a large message back"
    same "$work/large" "$work/got" "$what: a large message"
    over "$what"
}
packets='varint,offset=1,max_varint=4,max=256M'
exercise 'mosquitto'
exercise 'mosquitto, spliced' --method splice
exercise 'mosquitto, messages' --framing "$packets" --framing-back "$packets"
