# SPDX-License-Identifier: MIT
# For the tests of the tool: a work folder, processes that end by a deadline, and checks that say what was wrong.
# Sourced by scripts that run with $ZCNET set to the path of the tool.
set -u

: "${ZCNET:?is to hold the path of the tool}"
deadline=${ZCNET_TEST_DEADLINE:-100}
. "$(dirname "$0")/../shared/work.sh"

die() {
    echo "FAILED: $*" >&2
    for file in "$work"/*.out "$work"/*.err; do
        [ -s "$file" ] && { echo "--- ${file##*/}"; head -c 2000 "$file"; echo; } >&2
    done
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# zcnet WORDS…: the tool in the foreground, ended by the deadline with status 124.
zcnet() { timeout "$deadline" "$ZCNET" "$@"; }

# run STATUS WORDS…: as zcnet, with its output in $work/run.out and .err; it has to end with that status.
run() {
    harness_status=$1
    shift
    zcnet "$@" >"$work/run.out" 2>"$work/run.err"
    got=$?
    [ "$got" -eq "$harness_status" ] || die "zcnet $*: status $got, not $harness_status"
}

# start NAME WORDS…: the tool in the background. Sets $address to its first line; the rest goes to $work/NAME.out
# when finish is called. At most one at a time uses a descriptor; NAME is r or s.
start() {
    name=$1
    shift
    rm -f "$work/$name.lines" "$work/$name.out" "$work/$name.err"
    mkfifo "$work/$name.lines" || exit 1
    # Without timeout(1), which may miss a signal that comes while it starts the program; the test as a whole has a
    # deadline.
    "$ZCNET" "$@" >"$work/$name.lines" 2>"$work/$name.err" &
    pid=$!
    started="$started $pid"
    case $name in
        r) receiver=$pid; exec 8<"$work/r.lines"; read -r address <&8 || die "zcnet $*: it printed no first line" ;;
        s) sender=$pid; exec 9<"$work/s.lines"; read -r address <&9 || die "zcnet $*: it printed no first line" ;;
    esac
}

# limited WORDS COMMAND…: calls start, or what calls it, for a tool that ulimit with these words has limited.
limited() {
    printf '#!/bin/sh\nulimit %s\nexec "%s" "$@"\n' "$1" "$ZCNET" >"$work/limited"
    chmod +x "$work/limited"
    shift
    unlimited=$ZCNET
    ZCNET=$work/limited
    "$@"
    ZCNET=$unlimited
}

# finish NAME STATUS: waits for it; it has to end with that status.
finish() {
    case $1 in
        r) pid=$receiver; cat <&8 >"$work/r.out"; exec 8<&- ;;
        s) pid=$sender; cat <&9 >"$work/s.out"; exec 9<&- ;;
    esac
    wait "$pid"
    got=$?
    [ "$got" -eq "$2" ] || die "process $1: status $got, not $2"
}

# open_lines ADDRESS: a connection that stays open and sends each line that is written to descriptor 7, as a frame.
open_lines() {
    mkfifo "$work/lines" || exit 1
    "$ZCNET" send "$1" --framing length,strip=4 --lines - <"$work/lines" >"$work/lines.out" 2>"$work/lines.err" &
    lines=$!
    started="$started $lines"
    exec 7>"$work/lines"
    rm "$work/lines"
}

# close_lines: ends that connection; its end has to be in order.
close_lines() {
    exec 7>&-
    wait "$lines" || die 'the sender of lines failed'
}

# same FILE FILE WHAT
same() { cmp "$1" "$2" >&2 || die "$3"; }

# holds FILE PATTERN WHAT: some line matches the extended regular expression.
holds() { grep -Eq -- "$2" "$1" || die "$3: no line of ${1##*/} matches $2"; }

# member FILE KEY: the number that a JSON line has under a key.
member() { sed -n "s/.*\"$2\":\([0-9.e+-]*\).*/\1/p" "$1"; }

# equal VALUE VALUE WHAT
equal() { [ "$1" = "$2" ] || die "$3: '$1', not '$2'"; }
