#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet recv --keep: messages are retained and released by another thread, in small and large blocks.
. "$(dirname "$0")/shared/harness.sh"

awk 'BEGIN { for (i = 0; i < 60000; i++) printf "%d:%0*d\n", i, i % 211, i }' >"$work/lines"
head -c 3000000 /dev/urandom >"$work/large"
printf small >"$work/small"

for keep in 1 100 5000 1000000; do
    for block in 4K 256K; do
        start r recv tcp://127.0.0.1:0 --framing 'delimiter=\n,strip=1' --once --keep $keep --block-size $block \
            --frames "$work/frames" --json
        address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
        run 0 send "$address" --framing 'delimiter=\n,strip=1' --lines "$work/lines"
        finish r 0
        same "$work/lines" "$work/frames" "lines, keeping $keep in blocks of $block"
        equal "$(member "$work/r.out" messages)" 60000 "messages, keeping $keep in blocks of $block"
    done
done

# Large messages have memory of their own; the connection is over when they are released.
start r recv "unix://$work/socket" --framing length,max=8M --once --keep 7 --frames "$work/frames"
run 0 send "$address" --framing length,max=8M --repeat 10 "$work/large" "$work/small"
finish r 0
equal "$(wc -c <"$work/frames")" $((10 * (3000000 + 4 + 5 + 4))) 'bytes of large messages'
run 0 framing length,max=8M "$work/frames"
holds "$work/run.out" '^20 frames,' 'large messages'
