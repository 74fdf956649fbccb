#!/bin/sh
# SPDX-License-Identifier: MIT
# The static probes: the library, docs/tracing.md and the scripts agree on names and arguments, and a debugger that
# stops at them sees what happened.
#   probes.sh LIBRARY SOURCE TOOL
set -u
library=$1 source=$2 tool=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL
faults=0
fault() {
    echo "$*"
    faults=$((faults + 1))
}

# "name count-of-arguments", of a probe that stands in several places once.
readelf -n "$library" | awk '
/Provider:/ { mine = $2 == "zcnet" }
/Name:/ { name = $2 }
/Arguments:/ && mine { print name, NF - 1 }' | sort -u >"$work/library"
if [ ! -s "$work/library" ]; then
    echo "the library was built without probes: sys/sdt.h was not there"
    exit 77
fi
sed -n 's/^| `\([a-z]*__[a-z]*\)` |.*| \(.*\) |$/\1,\2/p' "$source/docs/tracing.md" |
    awk -F, '{ print $1, NF - 1 }' | sort >"$work/document"
diff "$work/library" "$work/document" >"$work/difference" || fault "library and document differ: $(cat "$work/difference")"

for script in "$source"/tracing/*.bt; do
    # Each probe that is named, with the largest argument that its block uses.
    awk '
    function done() { if (name != "") print name, most }
    match($0, /zcnet:[a-z_]+/) { done(); name = substr($0, RSTART + 6, RLENGTH - 6); most = 0 }
    /^(BEGIN|END|interval)/ { done(); name = "" }
    {
        text = $0
        while (match(text, /arg[0-9]/)) {
            number = substr(text, RSTART + 3, 1) + 1
            if (number > most) most = number
            text = substr(text, RSTART + RLENGTH)
        }
    }
    END { done() }' "$script" >"$work/script"
    [ -s "$work/script" ] || fault "$(basename "$script") looks at no probe"
    while read -r name most; do
        has=$(sed -n "s/^$name //p" "$work/library")
        if [ -z "$has" ]; then
            fault "$(basename "$script"): there is no probe $name"
        elif [ "$most" -gt "$has" ]; then
            fault "$(basename "$script"): $name has $has arguments, not $most"
        fi
    done <"$work/script"
    grep -qF "\`$(basename "$script")\`" "$source/docs/tracing.md" || fault "$(basename "$script") is not in docs/tracing.md"
done
echo "$(wc -l <"$work/library") probes, $faults faults"
[ "$faults" -eq 0 ] || exit 1

if ! command -v gdb >/dev/null; then
    echo "gdb is not installed: nothing stopped at the probes"
    exit 77
fi
# stop_at PROBE FORMAT EXPRESSIONS: prints that it was there, and goes on.
stop_at() { printf 'break -probe-stap zcnet:%s\ncommands\nsilent\nprintf "PROBE %s\\n", %s\ncontinue\nend\n' "$@"; }
# debug WORDS…: the tool in the debugger, which stops at what standard input says; sets $address when it listens.
debug() {
    {
        printf 'set confirm off\nset pagination off\nset debuginfod enabled off\nbreak main\nrun\ndelete\n'
        cat
        echo continue
    } >"$work/commands"
    : >"$work/said"
    timeout 120 gdb -q -nx -batch -x "$work/commands" --args "$tool" "$@" >"$work/said" 2>&1 </dev/null &
    debugger=$!
    end=$(($(date +%s) + 100))
    until address=$(grep -o 'tcp://127.0.0.1:[1-9][0-9]*$' "$work/said" | head -n 1) && [ -n "$address" ]; do
        if ! kill -0 $debugger 2>/dev/null || [ "$(date +%s)" -gt "$end" ]; then
            wait $debugger
            if grep -qi 'ptrace\|not permitted' "$work/said"; then
                echo "a debugger may not trace here"
                exit 77
            fi
            cat "$work/said"
            echo "the tool did not start in the debugger"
            exit 1
        fi
        sleep 0.1
    done
}
# seen TEXT WHAT
seen() { grep -q "^PROBE $1\$" "$work/said" || fault "$2 was not seen"; }

# One connection that brings 5 bytes in one message and ends.
{
    stop_at conn__open 'open %d' '$_probe_arg1 > 2'
    stop_at conn__read 'read %ld' '(long)$_probe_arg1'
    stop_at conn__closed 'closed %d' '(int)$_probe_arg1'
} >"$work/stops"
debug recv tcp://127.0.0.1:0 --framing 'delimiter=;' --once <"$work/stops"
printf 'abcd' | "$tool" send "$address" --framing 'delimiter=;' - >/dev/null || fault "nothing could be sent"
wait $debugger || fault "the debugger ended with $?"
seen 'open 1' conn__open
seen 'read 5' "conn__read with 5 bytes"
seen 'closed 2' "conn__closed with ZCN_EOF"
[ "$faults" -eq 0 ] || cat "$work/said"

# A relay between a client and an echo, by each method: the same 9 bytes there and back.
for method in splice copy; do
    mkfifo "$work/echo"
    "$tool" echo tcp://127.0.0.1:0 --framing length --once >"$work/echo" 2>/dev/null &
    echo=$!
    read -r target <"$work/echo" || fault "there is no echo"
    {
        stop_at relay__open 'open %d' '$_probe_arg1 > 2 && $_probe_arg2 > 2 && $_probe_arg1 != $_probe_arg2'
        stop_at relay__read 'read %d %ld %d' '(int)$_probe_arg1, (long)$_probe_arg2, (int)$_probe_arg3'
        stop_at relay__write 'write %d %ld %d' '(int)$_probe_arg1, (long)$_probe_arg2, (int)$_probe_arg3'
        stop_at relay__ended 'ended %d' '(int)$_probe_arg1'
    } >"$work/stops"
    debug relay tcp://127.0.0.1:0 "$target" --once --method $method <"$work/stops"
    "$tool" ping "$address" --framing length --count 1 --size 5 >/dev/null || fault "nobody answered"
    wait $debugger || fault "the debugger ended with $?"
    wait $echo
    rm "$work/echo"
    spliced=$([ $method = splice ] && echo 1 || echo 0)
    seen 'open 1' relay__open
    for direction in 0 1; do
        seen "read $direction 9 $spliced" "relay__read in direction $direction by $method"
        seen "write $direction 9 $spliced" "relay__write in direction $direction by $method"
    done
    seen 'ended 2' "relay__ended with ZCN_EOF"
    [ "$faults" -eq 0 ] || cat "$work/said"
done
echo "in a debugger: $faults faults"
[ "$faults" -eq 0 ]
