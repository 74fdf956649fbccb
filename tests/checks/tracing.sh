#!/bin/sh
# SPDX-License-Identifier: MIT
# The scripts of the folder tracing, run on the tool while it works: what they print is what happened.
#   tracing.sh LIBRARY SOURCE     with $ZCNET set to the path of the tool
. "$(dirname "$0")/../tool/shared/harness.sh"
library=$1 scripts=$2/tracing
command -v bpftrace >/dev/null || skip 'bpftrace is not installed'
command -v python3 >/dev/null || skip 'python3 is not installed'
readelf -n "$library" | grep -q 'Provider: zcnet' || skip 'the library was built without probes: sys/sdt.h was not there'
bpftrace -e 'BEGIN { exit(); }' >"$work/may.out" 2>&1 || skip 'bpftrace may not trace here'

# trace SCRIPT PID NAME: in the background; what it prints goes to $work/NAME.out.
trace() {
    bpftrace -p "$2" "$scripts/$1.bt" >"$work/$3.out" 2>"$work/$3.err" &
    started="$started $!"
}

# told NAME PATTERN: whether that tracer has printed such a line.
told() { grep -Eq -- "$2" "$work/$1.out"; }

# A tracer does not say when it sees the first thing, so things happen again until it does.
begun=$(date +%s)
in_time() { [ $(($(date +%s) - begun)) -lt "$deadline" ] || die "a tracer did not tell: $1"; }

# 20 messages of 20004 bytes there and back.
bytes=400080
ask() { run 0 ping "$1" --framing length --count 20 --size 20000; }

start r echo tcp://127.0.0.1:0 --framing length
echo=$address
start s relay tcp://127.0.0.1:0 "$echo"
trace connections "$receiver" ends
trace calls "$receiver" calls
trace polls "$receiver" polls
trace connections "$sender" relay
until told ends ' open, descriptor [0-9]+$' && told ends " 0x[0-9a-f]+ +[0-9]+ +$bytes +$bytes +2\$"; do
    in_time 'a connection of the echo'
    ask "$echo"
done
told ends ' closes, 0 bytes are queued$' && die 'a close that waits for nothing'
until told relay ' relay of descriptors [0-9]+ and [0-9]+$' &&
    told relay " 0x[0-9a-f]+ +[0-9]+ +$((2 * bytes)) +$((2 * bytes)) +2, relay: $bytes forward, $bytes back\$"; do
    in_time 'a relay'
    ask "$address"
done
# These print what was since the last time, every five seconds.
until told calls '^@read_bytes:' && told calls '^@written_bytes:' && told calls '^@pieces:'; do
    in_time 'sizes of calls'
    ask "$echo"
done
until told polls '^@polls\[[0-9]+\]: [1-9]' && told polls '^@events:'; do
    in_time 'polls'
    ask "$echo"
done
kill "$sender" "$receiver"
finish s 0
finish r 0

# Accepting pauses where there are no descriptors.
limited '-n 32' start r echo tcp://127.0.0.1:0 --framing length
trace stalls "$receiver" stalls
until told stalls '^[0-9]+ +listener 0x[0-9a-f]+ pauses, status -[0-9]+$'; do
    in_time 'a pause of accepting'
    python3 -c '
import socket, sys
host, port = sys.argv[1].removeprefix("tcp://").rsplit(":", 1)
held = [socket.create_connection((host, int(port))) for _ in range(64)]' "$address" || die 'no connections'
done
kill "$receiver"
finish r 0
