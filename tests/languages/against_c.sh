#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples in another language: with each other, with those in C, and with the tool, over TCP and Unix sockets.
#   against_c.sh LANGUAGE FOLDER      FOLDER has its programs; $EXAMPLES has those in C, and $ZCNET is the tool
. "$(dirname "$0")/../examples/shared/examples.sh"
language=$1 other=$2
framing=length,width=4,strip=4,max=1M
batch=${BATCH:-50000}

# answered FOLDER ADDRESS
answered() {
    says 0 '^16 three words here$' "$1/echo_client" "$2" hello '' 'three words here'
    holds "$work/run.out" '^0 $' 'an empty message'
    says 0 "^$batch answers, 0 wrong" "$1/batch_client" "$2" "$batch"
    echo "ok      $3"
}

for pair in "$other $other" "$other $EXAMPLES" "$EXAMPLES $other"; do
    server=${pair% *} client=${pair#* }
    from=$([ "$server" = "$other" ] && echo "$language" || echo C)
    to=$([ "$client" = "$other" ] && echo "$language" || echo C)
    for wanted in tcp://127.0.0.1:0 "unix://$work/socket"; do
        transport=${wanted%%:*}
        serve server "$server/echo_server" "$wanted"
        target=$address server_pid=$pid
        answered "$client" "$target" "$to client, $from server, $transport"
        says 0 '^2000 answered, 0 late, 0 failed' "$other/request" "$target" 2000 50
        run 0 ping "$target" --framing "$framing" --size 100000 --count 20
        # A peer that breaks the framing ends alone.
        printf '\377\377\377\377' >"$work/bad"
        run 1 send "$target" --framing raw --repeat 2000000 "$work/bad"
        serve proxy "$server/forward_proxy" "unix://$work/proxy" "$target"
        answered "$client" "$address" "$to client, $from server behind a proxy in $from, $transport"
        kill "$pid" "$server_pid"
    done
done

# The end of one direction travels through the proxy, and so does a reset.
head -c 3000000 /dev/urandom >"$work/file"
start r recv tcp://127.0.0.1:0 --framing raw --once --frames "$work/frames"
serve ends "$other/forward_proxy" "unix://$work/ends" "$address"
run 0 send "$address" --framing raw "$work/file"
finish r 0
same "$work/file" "$work/frames" 'the file changed on its way'
serve lonely "$other/forward_proxy" "unix://$work/lonely" "unix://$work/nobody"
says 1 . "$EXAMPLES/echo_client" "$address" hello
holds "$work/lonely.err" 'nobody listens' 'a proxy in front of nothing'

# Nobody answers in time: a peer that takes everything and says nothing.
serve silent "$ZCNET" recv tcp://127.0.0.1:0 --framing length
says 1 '^0 answered, 20 late, 0 failed' "$other/request" "$address" 20 10 50
# Nobody is there at all, and the address is taken.
for client in "echo_client unix://$work/nobody hello" "batch_client unix://$work/nobody 10" \
    "request unix://$work/nobody 10 2"; do
    says 1 'nobody listens' $(echo "$other/$client")
done
serve first "$other/echo_server" tcp://127.0.0.1:0
says 1 'in use' "$other/echo_server" "$address"
for program in echo_client batch_client request forward_proxy; do says 2 '^usage' "$other/$program"; done

# Files, and large messages on a connection of their own, opened when the first of them comes.
head -c 20000000 /dev/urandom >"$work/large"
: >"$work/empty"
for pair in "$other $other" "$other $EXAMPLES" "$EXAMPLES $other"; do
    server=${pair% *} client=${pair#* }
    for wanted in tcp://127.0.0.1:0 "unix://$work/files"; do
        serve files "$server/file_sender" serve "$wanted"
        says 0 '^large: 20000000 bytes' "$client/file_sender" send "$address" "$work/large" "$work/empty" "$0"
        holds "$work/run.out" '^empty: 0 bytes' 'an empty file'
        kill "$pid"
    done
    rm -f "$work/two"
    serve two "$server/two_connections" serve tcp://127.0.0.1:0 "unix://$work/two"
    says 0 '^4092 bytes, 1 connections$' "$client/two_connections" send "$address" "unix://$work/two" 10 4092
    says 0 '^20 bytes, 2 connections$' "$client/two_connections" send "$address" "unix://$work/two" \
        10 4093 30000000 20
    kill "$pid"
    echo "ok      files and large messages from $client to $server"
done
for program in file_sender two_connections; do says 2 '^usage' "$other/$program"; done
