#!/bin/sh
# SPDX-License-Identifier: MIT
# The proxy in front of the echo server and of a receiver, and in front of nothing.
. "$(dirname "$0")/shared/examples.sh"

serve server "$EXAMPLES/echo_server" tcp://127.0.0.1:0
serve proxy "$EXAMPLES/forward_proxy" "unix://$work/socket" "$address"
proxy=$pid
example 0 echo_client "$address" through the proxy
printed "$(printf '7 through\n3 the\n5 proxy')" 'answers through the proxy'
# Many answers come while questions are still sent: both directions hold each other back, and none is lost.
example 0 batch_client "$address" 500000
holds "$work/run.out" '^500000 answers, 0 wrong' 'a batch through the proxy'
run 0 ping "$address" --framing length,strip=4 --size 1000000 --count 20
holds "$work/run.out" . 'large messages through the proxy'
kill "$proxy"

# The sender's end travels through: its last message arrives, then the end.
head -c 3000000 /dev/urandom >"$work/file"
start r recv tcp://127.0.0.1:0 --framing raw --once --frames "$work/frames"
serve second "$EXAMPLES/forward_proxy" "unix://$work/socket2" "$address"
run 0 send "$address" --framing raw "$work/file"
finish r 0
same "$work/file" "$work/frames" 'the file changed on its way'

# A receiver that refuses what it gets: its reset reaches the sender, however much is under way.
start r recv tcp://127.0.0.1:0 --framing length,max=1K --once
serve third "$EXAMPLES/forward_proxy" "unix://$work/socket4" "$address"
run 1 send "$address" --framing length --repeat 100 "$work/file"
finish r 1
holds "$work/r.out" ZCN_EFRAME_TOO_LARGE 'what the receiver says'

# Nobody behind it: the client is told by the end of its connection.
serve lonely "$EXAMPLES/forward_proxy" "unix://$work/socket3" "unix://$work/nobody"
example 1 echo_client "$address" hello
holds "$work/lonely.err" 'nobody listens' 'a proxy in front of nothing'
example 2 forward_proxy
