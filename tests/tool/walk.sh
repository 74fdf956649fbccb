#!/bin/sh
# SPDX-License-Identifier: MIT
# A directory as messages: which files, in which order; and recv --verify and --expect.
. "$(dirname "$0")/shared/harness.sh"

mkdir -p "$work/in/a" "$work/in/a-b" "$work/in/é" "$work/in/empty" "$work/elsewhere"
printf 1 >"$work/in/a/z"
printf 2 >"$work/in/a-b/y"
printf 3 >"$work/in/a.c"
printf 4 >"$work/in/B"
printf 5 >"$work/in/é/x"
printf 6 >"$work/in/.hidden"
printf 7 >"$work/in/new
line"
printf no >"$work/elsewhere/file"
printf 66 >"$work/elsewhere/longer"
ln -s "$work/elsewhere" "$work/in/link"
ln -s "$work/elsewhere/file" "$work/in/link2"
mkfifo "$work/in/pipe"
framing=length,width=1,strip=1

# Bytewise by path: . B a-b/ a.c a/ new é
start r recv tcp://127.0.0.1:0 --framing $framing --once --frames "$work/frames"
run 0 send "$address" --framing $framing "$work/in"
finish r 0
printf '\0016\0014\0012\0013\0011\0017\0015' >"$work/wanted"
same "$work/wanted" "$work/frames" 'files of a directory in order'
rm "$work/in/new
line"

# Arguments keep their order, and a link that is named is followed.
start r recv tcp://127.0.0.1:0 --framing $framing --once --frames "$work/frames"
run 0 send "$address" --framing $framing "$work/in/B" "$work/in/link" "$work/in/a" "$work/in/link2"
finish r 0
printf '\0014\002no\00266\0011\002no' >"$work/wanted"
same "$work/wanted" "$work/frames" 'arguments in their order'

# verify STATUS PATTERN SEND-WORDS…
verify() {
    wanted=$1 pattern=$2
    shift 2
    start r recv tcp://127.0.0.1:0 --framing $framing --once --verify "$work/in" --expect 12
    zcnet send "$address" --framing $framing "$@" >"$work/run.out" 2>"$work/run.err"
    finish r "$wanted"
    if [ -n "$pattern" ]; then holds "$work/r.err" "$pattern" "verify $*"; fi
}
verify 0 '' --repeat 2 "$work/in"
verify 1 '6 messages came, 12 were expected' "$work/in"
verify 1 '^zcnet: connection 1 ended after 1 file of 6$' "$work/in" "$work/in/.hidden"
verify 1 'message 1 is not .*/in/.hidden: it differs from offset 0 on' "$work/in/B" "$work/in"
verify 1 'message 7 is not .*/in/.hidden: the file ends at offset 1, the message has 2 bytes' \
    "$work/in" "$work/elsewhere/longer"
cp -R "$work/in/a" "$work/old"
printf '1 and more' >"$work/in/a/z"
verify 1 'message 5 is not .*/in/a/z: it ends at offset 1, the file is longer' \
    "$work/in/.hidden" "$work/in/B" "$work/in/a-b" "$work/in/a.c" "$work/old/z"
run 1 recv tcp://127.0.0.1:0 --framing $framing --verify "$work/in/empty"
holds "$work/run.err" 'there is no regular file' 'verify without a file'
run 1 recv tcp://127.0.0.1:0 --framing $framing --verify "$work/absent"
run 1 send tcp://127.0.0.1:1 --framing $framing "$work/absent"
holds "$work/run.err" 'absent: No such file' 'a file that is not there'

# An empty directory is no message, and no failure.
start r recv tcp://127.0.0.1:0 --framing $framing --once
run 0 send "$address" --framing $framing "$work/in/empty"
finish r 0
holds "$work/r.out" '^connection 1: 0 messages, 0 bytes' 'an empty directory'

# Thousands of files, each a mapping while it is on its way; and one that cannot be read in the midst of them.
mkdir "$work/many"
(cd "$work/many" && awk 'BEGIN { for (i = 0; i < 6000; i++) { f = "f" i; print i > f; close(f) } }')
start r recv "unix://$work/socket" --framing $framing --once --verify "$work/many" --expect 12000
run 0 send "$address" --framing $framing --repeat 2 "$work/many"
finish r 0
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "$work/many/f3"
    start r recv tcp://127.0.0.1:0 --framing $framing --once
    run 1 send "$address" --framing $framing "$work/many"
    holds "$work/run.err" 'f3: Permission denied' 'a file that cannot be read'
    finish r 0
else
    echo 'part skipped: root reads every file'
fi
