#!/bin/sh
# SPDX-License-Identifier: MIT
# Opens every page of the site in a headless browser, at the width of a telephone: each loads without a complaint in the
# console, fits the width, is written large enough to be read, and its links lead to pages and places that exist.
#   scripts/check_docs.sh SITE
set -eu
if [ ! -f "$1/index.html" ]; then
    echo "check-docs: SKIPPED: there is no site in $1"
    exit 77
fi
site=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || :)
for tool in "${browser:-a browser (chromium)}" python3; do
    command -v "$tool" >/dev/null && continue
    echo "check-docs: SKIPPED: $tool is not installed"
    exit 77
done
work=$(mktemp -d)
server=
clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$work"
}
trap clean_up EXIT

cp -R "$site" "$work/www"
cp tests/docs/check.html "$work/www/check.html"
(cd "$work/www" && find . -name '*.html' ! -name check.html | sed 's|^\./||' | LC_ALL=C sort |
    awk 'BEGIN { printf "[" } { printf "%s\"%s\"", (NR > 1 ? "," : ""), $0 } END { print "]" }') >"$work/www/pages.json"
count=$(tr -cd , <"$work/www/pages.json" | wc -c)
count=$((count + 1))

# The server tells its port; nothing else does.
python3 -u -c '
import functools, http.server, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
print(server.server_address[1], flush=True)
server.serve_forever()' "$work/www" >"$work/port" &
server=$!
tries=0
until [ -s "$work/port" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] && kill -0 "$server" || {
        echo "check-docs: FAILED: the server did not start" >&2
        exit 1
    }
    sleep 0.1
done

# The sandbox needs a user of its own; the pages are ours.
sandbox=
[ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
timeout 300 "$browser" --headless --disable-gpu $sandbox --user-data-dir="$work/profile" --window-size=1000,900 \
    --enable-logging=stderr --disable-dev-shm-usage --virtual-time-budget=200000 \
    --dump-dom "http://127.0.0.1:$(cat "$work/port")/check.html" >"$work/dom" 2>"$work/log" || {
    tail -n 20 "$work/log" >&2
    echo "check-docs: FAILED: the browser did not finish" >&2
    exit 1
}
faults=0
sed -n '/<pre id="result">/,/<\/pre>/p' "$work/dom" | sed -e 's/.*<pre id="result">//' -e 's/<\/pre>.*//' >"$work/result"
grep -q "^$count pages" "$work/result" || {
    echo "check-docs: the browser did not come to the end of $count pages:"
    faults=1
}
grep '^fault: ' "$work/result" && faults=1
grep 'CONSOLE' "$work/log" && faults=1
grep "^[0-9]* pages" "$work/result" || :
[ $faults -eq 0 ] || {
    echo "check-docs: FAILED" >&2
    exit 1
}
echo "check-docs: success"
