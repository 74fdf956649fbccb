#!/bin/sh
# SPDX-License-Identifier: MIT
# The echo server, with each of the clients that talk to it.
. "$(dirname "$0")/shared/examples.sh"
framing=length,width=4,strip=4,max=1M

for wanted in tcp://127.0.0.1:0 "unix://$work/socket"; do
    serve server "$EXAMPLES/echo_server" "$wanted"
    example 0 echo_client "$address" hello '' 'three words here'
    printed "$(printf '5 hello\n0 \n16 three words here')" 'answers'
    example 0 batch_client "$address" 100000
    holds "$work/run.out" '^100000 answers, 0 wrong, [0-9]+ writes' 'a batch'
    example 0 batch_client "$address" 1
    example 0 request "$address" 2000 50
    printed '2000 answered, 0 late, 0 failed' 'requests'
    example 0 timers "$address" 5 60000
    printed '5 asked, 5 in time, 0 late' 'timers'
    run 0 ping "$address" --framing "$framing" --size 100000 --count 20
    # One that breaks the framing ends alone; the others go on.
    printf '\377\377\377\377' >"$work/bad"
    run 1 send "$address" --framing raw --repeat 2000000 "$work/bad"
    example 0 echo_client "$address" still there
    kill "$pid"
done

# A second server at the address of the first, and clients without a server.
serve server "$EXAMPLES/echo_server" tcp://127.0.0.1:0
example 1 echo_server "$address"
holds "$work/run.err" 'in use' 'an address in use'
example 1 echo_client "unix://$work/nobody" hello
holds "$work/run.err" 'nobody listens' 'a client without a server'
example 1 batch_client "unix://$work/nobody" 10
example 1 request "unix://$work/nobody" 10 2
example 2 request "$address" 10
example 2 echo_client
example 2 batch_client "$address" none
example 2 timers "$address" 5
