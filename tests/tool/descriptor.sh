#!/bin/sh
# SPDX-License-Identifier: MIT
# ADDR as fd:N: a connected socket that the tool is started with. The shell makes it, which only bash can.
[ -n "${BASH_VERSION:-}" ] || ! command -v bash >/dev/null || exec bash "$0"
. "$(dirname "$0")/shared/harness.sh"

[ -n "${BASH_VERSION:-}" ] || skip 'there is no bash'
(exec 5<>/dev/tcp/127.0.0.1/1) 2>"$work/run.err"
grep -q 'Connection refused' "$work/run.err" || skip 'this bash cannot open sockets'

printf hello >"$work/file"
start r recv tcp://127.0.0.1:0 --framing length,strip=4 --once --frames "$work/frames"
exec 5<>"/dev/tcp/127.0.0.1/${address##*:}" || die 'the shell cannot connect'
run 0 send fd:5 --framing length,strip=4 "$work/file"
exec 5>&-
finish r 0
printf '\0\0\0\5hello' >"$work/wanted"
same "$work/wanted" "$work/frames" 'send fd:5'

# recv sees that the socket is connected, and does not listen on it.
start s send tcp://127.0.0.1:0 --framing length --listen "$work/file"
exec 5<>"/dev/tcp/127.0.0.1/${address##*:}" || die 'the shell cannot connect'
run 0 recv fd:5 --framing length --frames "$work/frames"
exec 5>&-
finish s 0
same "$work/wanted" "$work/frames" 'recv fd:5'

run 2 recv fd:x --framing raw
exec 6<"$work/file"
zcnet recv fd:6 --framing raw >"$work/run.out" 2>"$work/run.err"
case $? in
    1 | 2) holds "$work/run.err" '^zcnet: cannot (listen|connect)' 'a descriptor that is no socket' ;;
    *) die 'a descriptor that is no socket is taken' ;;
esac
