# SPDX-License-Identifier: MIT
# For tests with real programs: a work folder, servers on Unix sockets of their own, a relay in front of one, and the end
# of all of them. Sourced by scripts that run with $ZCNET set to the path of the tool. What is not installed fails: the
# target that runs these installs it.
set -u

: "${ZCNET:?is to hold the path of the tool}"
. "$(dirname "$0")/../shared/work.sh"
chmod 755 "$work"

die() {
    echo "FAILED: $*" >&2
    for file in "$work"/*.log; do
        [ -s "$file" ] && { echo "--- ${file##*/}"; tail -c 2000 "$file"; echo; } >&2
    done
    exit 1
}

# needs PROGRAM…
needs() {
    for program; do command -v "$program" >/dev/null || die "$program is not installed: make check-interop installs it"; done
}

# within SECONDS COMMAND…: tries until it succeeds.
within() {
    tries=$(($1 * 10))
    shift
    while [ "$tries" -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return
        tries=$((tries - 1))
        sleep 0.1
    done
    die "never succeeded: $*"
}

# server NAME COMMAND…: runs until the end of the test.
server() {
    name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    started="$started $!"
}

# through OPTIONS…: a relay to unix://$socket; sets $host and $port, or $entry for a Unix socket that is given as first
# word.
through() {
    listen=tcp://127.0.0.1:0
    case ${1:-} in unix://*) listen=$1; shift ;; esac
    rm -f "$work/lines"
    mkfifo "$work/lines" || exit 1
    "$ZCNET" relay "$listen" "unix://$socket" --quiet --stats --json "$@" >"$work/lines" 2>"$work/relay.log" &
    relay=$!
    started="$started $relay"
    exec 8<"$work/lines"
    read -r entry <&8 || die "the relay printed no address"
    entry=$(printf '%s\n' "$entry" | sed 's/.*:"\(.*\)"}/\1/')
    host=127.0.0.1
    port=${entry##*:}
}

figure() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/totals"; }

# over WHAT: ends the relay and looks at what it counted. Nothing was lost; with a framing there were messages both ways.
over() {
    kill -TERM "$relay"
    cat <&8 >"$work/totals"
    exec 8<&-
    wait "$relay" || die "$1: the relay ended with status $?"
    [ "$(figure lost_bytes)" = 0 ] || die "$1: bytes were lost"
    [ "$(figure forward_bytes)" -gt 0 ] && [ "$(figure backward_bytes)" -gt 0 ] || die "$1: nothing went through"
    case $1 in
        *messages*)
            [ "$(figure forward_messages)" -gt 0 ] && [ "$(figure backward_messages)" -gt 0 ] ||
                die "$1: no messages were counted"
            ;;
    esac
    printf 'ok      %-28s %s connections, %s bytes, %s %% spliced, %s messages\n' "$1" "$(figure connections)" \
        $(($(figure forward_bytes) + $(figure backward_bytes))) \
        $((100 * $(figure spliced_bytes) / ($(figure forward_bytes) + $(figure backward_bytes)))) \
        $(($(figure forward_messages) + $(figure backward_messages)))
}

# same FILE FILE WHAT
same() { cmp "$1" "$2" >&2 || die "$3"; }

# random_file PATH BYTES
random_file() { head -c "$2" /dev/urandom >"$1"; }
