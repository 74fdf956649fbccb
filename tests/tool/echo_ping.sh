#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet echo and zcnet ping: every framing and many sizes, answers compared byte by byte.
. "$(dirname "$0")/shared/harness.sh"

# pings ADDRESS TEXT SIZES…
pings() {
    listen=$1 framing=$2
    shift 2
    start r echo "$listen" --framing "$framing" --count $((20 * $#)) --json
    address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
    for size; do
        run 0 ping "$address" --framing "$framing" --size "$size" --count 20 --json
        holds "$work/run.out" "^\\{\"address\":\"$address\",\"size\":$size,\"count\":20,\"min_us\":[0-9.e+]+,\"p50_us\":[0-9.e+]+,\"p90_us\":[0-9.e+]+,\"p99_us\":[0-9.e+]+,\"max_us\":[0-9.e+]+\\}\$" "ping of $size with $framing"
    done
    finish r 0
}
pings tcp://127.0.0.1:0 length,width=4,strip=4,max=1G 0 1 2 63 64 65 4096 65536 300000 5000000
pings "unix://$work/socket" length,width=4,strip=4,max=1G 0 1 64 4096 300000 5000000
pings "unix-abstract:zcnet-ping-$$" length,width=8,order=little,offset=3,adjust=-11 0 64 70000
pings tcp://127.0.0.1:0 varint,max_varint=4 0 127 128 16383 16384 300000
pings tcp://127.0.0.1:0 'delimiter=\r\n,strip=2' 0 1 64 300000
pings tcp://127.0.0.1:0 'delimiter=abc' 0 64
pings tcp://127.0.0.1:0 fixed=188 188

# raw: the boundaries of an echo mean nothing, so it is ended by --once.
for size in 1 64 300000; do
    start r echo tcp://127.0.0.1:0 --framing raw --once
    run 0 ping "$address" --framing raw --size $size --count 20 --spin 50
    holds "$work/run.out" '^  p99 +[0-9.]+ us$' 'the readable table'
    finish r 0
done

# A sender that reads nothing while it sends, to an echo that must not lose what it cannot send back at once. The
# sender's end comes after everything came back.
head -c 20000000 /dev/urandom >"$work/large"
start r echo tcp://127.0.0.1:0 --framing length,max=64M --once --stats --json
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
run 0 send "$address" --framing length,max=64M --repeat 10 "$work/large" "$work/large"
finish r 0
holds "$work/r.out" '^\{"connection":1,"messages":20,"bytes":400000080,' 'an echo of large messages'

# Failures: a size that the framing cannot carry, an answer that does not come, an echo that ends.
start r recv tcp://127.0.0.1:0 --framing length --json
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
run 1 ping "$address" --framing length,max=1K --size 1K
holds "$work/run.err" '^zcnet: the framing cannot carry a body of 1,024 bytes: ' 'a body that is too large'
run 1 ping "$address" --framing length --count 1 --timeout 1
holds "$work/run.err" '^zcnet: no answer to ping 1 within 1 second$' 'an answer that does not come'
kill "$receiver"
finish r 0
start r echo tcp://127.0.0.1:0 --framing length --count 5
run 1 ping "$address" --framing length --count 10
holds "$work/run.err" '^zcnet: the connection ended after 5 answers: ' 'an echo that ends'
finish r 0
# An echo of another framing cuts the answers elsewhere.
start r echo tcp://127.0.0.1:0 --framing fixed=4 --once
run 1 ping "$address" --framing length --size 6 --count 1 --timeout 1
holds "$work/run.err" 'no answer|ended' 'an echo of another framing'
finish r 1
