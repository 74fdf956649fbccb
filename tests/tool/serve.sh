#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet serve: what it answers, to requests byte by byte and to the clients that people use.
. "$(dirname "$0")/shared/harness.sh"
. "$(dirname "$0")/shared/serve.sh"

mkdir "$work/requests"
python3 "$(dirname "$0")/serve/requests.py" "$ZCNET" "$work/requests" || die 'what was answered'

# Clients of others.
mkdir -p "$work/www/sub"
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%d %0100d\n", i, i * 7919 }' >"$work/www/large file.txt"
echo '<a href="sub/">sub</a> <a href="large%20file.txt">large</a>' >"$work/www/index.html"
echo '<a href="../">up</a>' >"$work/www/sub/index.html"
start s serve "$work/www" tcp://127.0.0.1:0 --stats
url=http://${address#tcp://}
ran=
if command -v curl >/dev/null; then
    ran="$ran curl"
    fetch() { curl -sS --max-time "$deadline" "$@"; }
    fetch -f "$url/large%20file.txt" -o "$work/got" || die 'curl: the whole'
    same "$work/www/large file.txt" "$work/got" 'curl: the whole'
    head -c 1000000 "$work/www/large file.txt" >"$work/got"
    fetch -f -C - "$url/large%20file.txt" -o "$work/got" || die 'curl: the rest'
    same "$work/www/large file.txt" "$work/got" 'curl: the rest'
    # Two on one connection.
    fetch -f "$url/" -o "$work/got" "$url/sub" -L -o "$work/other" -w '%{num_connects}\n' >"$work/run.out" || die 'curl: two'
    same "$work/www/index.html" "$work/got" 'curl: the index'
    same "$work/www/sub/index.html" "$work/other" 'curl: redirected'
    equal "$(tail -n 1 "$work/run.out")" 0 'connections of the second file'
    fetch "$url/large%20file.txt" -z "$work/www/large file.txt" -o /dev/null -w '%{http_code}' >"$work/run.out"
    equal "$(cat "$work/run.out")" 304 'curl: not modified'
    fetch --path-as-is "$url/../../../etc/passwd" -o /dev/null -w '%{http_code}' >"$work/run.out"
    equal "$(cat "$work/run.out")" 400 'curl: out of the directory'
    fetch -I "$url/large%20file.txt" >"$work/run.out"
    holds "$work/run.out" "^Content-Length: $(wc -c <"$work/www/large file.txt")" 'curl: the head'
    fetch -0 -f "$url/" -o "$work/got" || die 'curl: HTTP/1.0'
    same "$work/www/index.html" "$work/got" 'curl: HTTP/1.0'
fi
if command -v wget >/dev/null; then
    ran="$ran wget"
    (cd "$work" && timeout "$deadline" wget -q -r -nH -P mirror "$url/") || die 'wget: a mirror'
    same "$work/www/large file.txt" "$work/mirror/large file.txt" 'wget: a file of the mirror'
    same "$work/www/sub/index.html" "$work/mirror/sub/index.html" 'wget: a directory of the mirror'
fi
echo "clients:${ran:- none}"
kill -TERM "$sender"
finish s 0
holds "$work/s.out" '^answers .* 0 of 5xx$' 'the totals'

# Wrong usage, and what cannot be.
run 2 serve
run 2 serve "$work/www"
run 2 serve "$work/www" nonsense
run 2 serve "$work/www" tcp://127.0.0.1:0 --method fast
holds "$work/run.err" '^zcnet: .*--method is one of auto, sendfile' 'a wrong method'
run 2 serve "$work/www" tcp://127.0.0.1:0 --symlinks maybe
run 2 serve "$work/www" tcp://127.0.0.1:0 --threads 0
run 1 serve "$work/none" tcp://127.0.0.1:0
holds "$work/run.err" '^zcnet: .*/none: No such file or directory' 'a directory that is not there'
run 1 serve "$work/www/index.html" tcp://127.0.0.1:0
run 1 serve "$work/www" tcp://127.0.0.1:0 --log "$work/none/log"
run 0 serve --help
holds "$work/run.out" '--symlinks' 'the help'
[ -n "$ran" ] || skip 'the part with clients of others: neither curl nor wget is installed (the rest passed)'
