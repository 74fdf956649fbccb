#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet stat: what it makes of answers that are not as they should be, what it passes on in other formats, and that there
# is an answer when the program has no descriptors left.
. "$(dirname "$0")/shared/harness.sh"
command -v python3 >/dev/null || skip 'python3 is not installed'

# answer STATUS WORDS…: zcnet stat of what stands in $work/page.
answer() {
    answer_status=$1
    shift
    start s send "unix://$work/page.socket" --listen --framing raw "$work/page"
    run "$answer_status" stat "unix://$work/page.socket" "$@"
    finish s 0
}
# says PATTERN WHAT: what was said on standard error, in one line.
says() {
    holds "$work/run.err" "$1" "$2"
    equal "$(wc -l <"$work/run.err")" 1 "lines about: $2"
}

printf 'zcnet 9.9\ncounter loop_polls 3\nnews of 2040\ngauge pool_oldest_view_ns 1500000001\ngauge pool_amplification 2500
counter loop_later 7\nconn tcp://[::1]:7 state 2 bytes_in 18446744073709551615
relay unix: tcp://10.0.0.1:80 forward_bytes 5 quiet_ms 6\nend\n' >"$work/page"
answer 0
holds "$work/run.out" '^loop_polls +3$' 'a counter'
holds "$work/run.out" '^conn tcp://\[::1\]:7 state 2 bytes_in 18446744073709551615$' 'a connection'
holds "$work/run.out" '^relay unix: tcp://10.0.0.1:80 forward_bytes 5 quiet_ms 6$' 'a relay'
answer 0 --json
python3 - "$work/run.out" <<'END' || die 'the JSON'
import json
import sys

page = json.loads(open(sys.argv[1]).read())
assert page["version"] == "9.9" and page["loop_polls"] == 3 and page["loop_later"] == 7, page
assert page["conns"] == [{"peer": "tcp://[::1]:7", "state": 2, "bytes_in": 18446744073709551615}], page
assert page["relays"] == [{"first": "unix:", "second": "tcp://10.0.0.1:80", "forward_bytes": 5, "quiet_ms": 6}], page
END
answer 0 --prometheus --label program=server --label 'where="\here'
python3 "$(dirname "$0")/stat/exposition.py" <"$work/run.out" >"$work/format.out" || die 'the format of Prometheus'
cat >"$work/wanted" <<'END'
zcnet_loop_polls_total{program="server",where="\"\\here"} 3
zcnet_pool_oldest_view_seconds{program="server",where="\"\\here"} 1.500000001
zcnet_pool_amplification_ratio{program="server",where="\"\\here"} 2.500
zcnet_loop_later_total{program="server",where="\"\\here"} 7
END
grep -v '^#' "$work/run.out" >"$work/samples"
same "$work/samples" "$work/wanted" 'samples with labels'

# Lines that are too short or no numbers are told in words of this tool, whatever the format.
for line in conn 'conn ' 'conn a b' 'conn a b c' 'conn a b 1 c' 'conn a b -1' 'relay' 'relay a' 'relay a b c' counter \
    'counter loop_polls' 'counter loop_polls 18446744073709551616' 'gauge Loop 1' 'gauge a{ 1'; do
    printf 'zcnet 0.1\n%s\nend\n' "$line" >"$work/page"
    for format in --all --json --prometheus; do
        answer 1 $format
        says "^zcnet: a line of the counters is wrong: '" "$line"
    done
done
# One name twice would be one series twice.
printf 'zcnet 0.1\ncounter loop_polls 1\ngauge loop_polls 1\nend\n' >"$work/page"
answer 1 --prometheus
says "^zcnet: a line of the counters is wrong: 'gauge loop_polls 1'$" 'a name twice'
printf 'zcnet 0.1\ncounter loop_later 1\ngauge loop_later_total 1\nend\n' >"$work/page"
answer 0 --json
answer 1 --prometheus
says '^zcnet: the counters have zcnet_loop_later_total twice$' 'two names that become one'
printf 'zcnet 0.1\ncounter loop_polls 1\nend' >"$work/page"
answer 0
printf 'zcnet 0.1\ncounter loop_polls 1\n' >"$work/page"
answer 1
says '^zcnet: the counters are cut off$' 'a page without its end'
printf 'HTTP/1.1 400 Bad Request\n' >"$work/page"
answer 1
says "^zcnet: there are no counters of a loop: its first line is 'HTTP/1.1 400 Bad Request'$" 'another server'
: >"$work/page"
answer 1
says 'closed the connection without an answer: the program may be out of memory$' 'no answer'

# Without descriptors, when one looks.
limited '-n 32' start r echo tcp://127.0.0.1:0 --framing length --stat "unix://$work/stat"
mkfifo "$work/held"
python3 -c '
import socket, sys
where = sys.argv[1].removeprefix("tcp://").rsplit(":", 1)
held = [socket.create_connection((where[0], int(where[1]))) for _ in range(64)]
open(sys.argv[2]).read()' "$address" "$work/held" &
holder=$!
started="$started $holder"
exec 7>"$work/held"
tries=0
until run 0 stat "unix://$work/stat" --json && [ "$(member "$work/run.out" loop_accept_limited)" -ge 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || die 'the descriptors never ran out'
    sleep 0.02
done
for _ in 1 2 3 4 5; do run 0 stat "unix://$work/stat"; done
holds "$work/run.out" '^loop_connections +[1-9]' 'connections'
exec 7>&-
wait "$holder"
kill "$receiver"
finish r 0
holds "$work/r.err" '^zcnet: new connections wait: .* \(errno 24\): this process needs a higher limit \(ulimit -n,' 'the limit'

# Wrong usage.
for label in '' name '=value' '1a=b' 'a-b=c' '__a=b'; do
    run 2 stat "unix://$work/stat" --prometheus --label "$label"
    says '^zcnet: stat: --label takes NAME=VALUE, ' "the label '$label'"
done
run 2 stat "unix://$work/stat" --prometheus --label a=1 --label a=2
says '^zcnet: stat: the label a is given twice' 'a label twice'
run 2 stat "unix://$work/stat" --prometheus --label "a=$(printf '\377')"
says 'is not UTF-8$' 'a label that is no text'
run 2 stat "unix://$work/stat" --label a=1
says '^zcnet: stat: --label needs --prometheus ' 'a label without a use'
run 2 stat "unix://$work/stat" --prometheus --every 1
says '^zcnet: stat: --every and --prometheus exclude each other: ' 'metrics again and again'
