#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet send --lines and standard input.
. "$(dirname "$0")/shared/harness.sh"

# lines TEXT FILE WANTED: sends the lines of FILE, by name and through a pipe; WANTED are the frames.
lines() {
    for way in name pipe; do
        start r recv tcp://127.0.0.1:0 --framing "$1" --once --frames "$work/frames"
        if [ $way = name ]; then
            run 0 send "$address" --framing "$1" --lines --json "$2"
        else
            cat "$2" | zcnet send "$address" --framing "$1" --lines --json - >"$work/run.out" || die "send from a pipe"
        fi
        finish r 0
        same "$3" "$work/frames" "lines of $2 by $way with $1"
        equal "$(member "$work/run.out" copied_bytes)" 0 "copied bytes, lines of $2 by $way"
    done
}

printf 'one\n\nthree\r\nno newline' >"$work/some"
printf 'one\n\nthree\r\nno newline\n' >"$work/wanted"
lines 'delimiter=\n,strip=1' "$work/some" "$work/wanted"
holds "$work/r.out" '^connection 1: 4 messages,' 'lines without a newline at the end'
lines 'delimiter=\n,strip=1' "$work/wanted" "$work/wanted"
holds "$work/r.out" '^connection 1: 4 messages,' 'lines with a newline at the end'
printf '\n' >"$work/some"
printf '\0\0' >"$work/wanted"
lines length,width=2 "$work/some" "$work/wanted"
: >"$work/some"
: >"$work/wanted"
lines length,width=2 "$work/some" "$work/wanted"

# Lines that cross the buffers they are read into, and one that is longer than several of them.
awk 'BEGIN { for (i = 0; i < 40000; i++) printf "%d:%0*d\n", i, i % 97, i }' >"$work/some"
{ head -c 1500000 /dev/zero | tr '\0' 'z'; echo; echo end; } >>"$work/some"
lines 'delimiter=\n,strip=1' "$work/some" "$work/some"
holds "$work/r.out" '^connection 1: 40,002 messages,' 'many lines'

# A line that the framing cannot carry: what came before it is delivered.
printf 'ok\n0123456789\nlate\n' >"$work/some"
start r recv tcp://127.0.0.1:0 --framing length,width=1,max=8,strip=1 --once --json
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
run 1 send "$address" --framing length,width=1,max=8 --lines "$work/some"
finish r 0
holds "$work/r.out" '"messages":1,"bytes":3,"trailing_bytes":0,' 'lines before one that is too long'

# Standard input as one message; from a file it starts where the file stands.
printf 'skipped\nthe rest\nof it' >"$work/some"
start r recv tcp://127.0.0.1:0 --framing length,width=1 --once --frames "$work/frames"
{ read -r line; zcnet send "$address" --framing length,width=1 - >/dev/null; } <"$work/some" || die 'send -'
finish r 0
printf '\016the rest\nof it' >"$work/wanted"
# A shell may have read ahead of the line it took; then the rest is what it left.
if [ "$(wc -c <"$work/frames")" -eq 15 ]; then same "$work/wanted" "$work/frames" 'standard input as one message'; fi
holds "$work/r.out" '^connection 1: 1 message,' 'standard input as one message'

# A line leaves when it is there, not when the input ends.
mkfifo "$work/input"
start r recv tcp://127.0.0.1:0 --framing 'delimiter=\n,strip=1' --count 2
zcnet send "$address" --framing 'delimiter=\n,strip=1' --lines - <"$work/input" >/dev/null 2>&1 &
sender=$!
started="$started $sender"
exec 7>"$work/input"
printf 'first\nsecond\n' >&7
finish r 0
exec 7>&-
wait "$sender"
case $? in
    0 | 1) ;; # whether its input or its receiver ended first
    *) die 'a sender whose receiver had enough' ;;
esac

# --rate holds messages back: 21 at 100 a second take a fifth of a second.
awk 'BEGIN { for (i = 0; i < 21; i++) print i }' >"$work/some"
start r recv tcp://127.0.0.1:0 --framing 'delimiter=\n,strip=1' --once
run 0 send "$address" --framing 'delimiter=\n,strip=1' --lines --rate 100 --json "$work/some"
finish r 0
awk -v took="$(member "$work/run.out" seconds)" 'BEGIN { exit !(took >= 0.19) }' || die '--rate 100: too fast'
