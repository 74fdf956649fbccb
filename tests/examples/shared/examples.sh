# SPDX-License-Identifier: MIT
# For the tests of the examples in C: the harness of the tool's tests, and processes that are not the tool.
# Sourced by scripts that run with $EXAMPLES set to the folder of the programs and $ZCNET to the tool.
: "${EXAMPLES:?is to hold the folder of the example programs}"
. "$(dirname "$0")/../tool/shared/harness.sh"

# serve NAME PROGRAM WORDS…: a server in the background. Sets $address to the first line that it prints, and $pid.
serve() {
    name=$1
    shift
    : >"$work/$name.out"
    "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    started="$started $pid"
    end=$(($(date +%s) + deadline))
    until address=$(head -n 1 "$work/$name.out") && [ -n "$address" ]; do
        kill -0 "$pid" 2>/dev/null || die "$*: it ended before it printed an address"
        [ "$(date +%s)" -lt "$end" ] || die "$*: it printed no address"
        sleep 0.05
    done
}

# example STATUS NAME WORDS…: an example in the foreground, with its output in $work/run.out and .err.
example() {
    wanted=$1
    shift
    program=$1
    shift
    timeout "$deadline" "$EXAMPLES/$program" "$@" >"$work/run.out" 2>"$work/run.err"
    got=$?
    [ "$got" -eq "$wanted" ] || die "$program $*: status $got, not $wanted"
}

# printed TEXT WHAT: what the last example wrote to standard output.
printed() { equal "$(cat "$work/run.out")" "$1" "$2"; }

# ended PID STATUS WHAT
ended() {
    wait "$1"
    got=$?
    [ "$got" -eq "$2" ] || die "$3: status $got, not $2"
}

# says STATUS PATTERN PROGRAM WORDS…: a line of its output matches.
says() {
    wanted=$1 pattern=$2
    shift 2
    timeout "$deadline" "$@" >"$work/run.out" 2>"$work/run.err"
    got=$?
    [ "$got" -eq "$wanted" ] || die "$*: status $got, not $wanted"
    cat "$work/run.out" "$work/run.err" >"$work/both.out"
    holds "$work/both.out" "$pattern" "$*"
}

# thousand FAN_OUT SUBSCRIBE ADDRESS: a thousand connections of the one get every tick of the other.
thousand() {
    serve ticker "$1" "$3" 1000 3
    says 0 '^1000 subscribers, 3 ticks each$' "$2" "$address" 1000
    ended "$pid" 0 'the ticker'
    equal "$(sed 1d "$work/ticker.out")" '3 ticks, 0 missed' 'what the ticker says'
}

# allow_thousand: lets programs that do not do so themselves have a descriptor for each.
allow_thousand() {
    hard=$(ulimit -H -n)
    [ "$hard" = unlimited ] || [ "$hard" -ge 1024 ] ||
        skip "a thousand connections: 1024 descriptors are needed, and the hard limit is $hard (raise it with ulimit -H -n)"
    soft=$(ulimit -S -n)
    [ "$soft" = unlimited ] || [ "$soft" -ge 1024 ] || ulimit -S -n 1024
}

# fanned_out PROGRAM RECEIVERS TICKS: every receiver gets every tick.
fanned_out() {
    serve ticker "$1" tcp://127.0.0.1:0 "$2" "$3"
    ticker=$pid receivers=
    for i in $(seq "$2"); do
        "$ZCNET" recv "$address" --connect --framing 'delimiter=\n,strip=1' --frames "$work/ticks$i" \
            >"$work/receiver$i.out" 2>&1 &
        receivers="$receivers $!"
        started="$started $!"
    done
    ended "$ticker" 0 'the ticker'
    for receiver in $receivers; do ended "$receiver" 0 'a receiver'; done
    equal "$(sed 1d "$work/ticker.out")" "$3 ticks, 0 missed" 'what the ticker says'
    seq -f 'tick %.0f' "$3" >"$work/ticks"
    for i in $(seq "$2"); do same "$work/ticks" "$work/ticks$i" "receiver $i got something else"; done
}
