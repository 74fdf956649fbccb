#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples in Go: with each other, with those in C, and with the tool, over TCP and Unix sockets.
#   examples.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
c=$build/bindings/c go=$work/go
deadline=100
mkdir "$go"
step "the examples build" go build -o "$go" ./examples/... || finish

# serve PROGRAM WORD…: a server in the background. Sets $address to the first line that it prints, and $pid.
serve() {
    : >"$work/server.out"
    timeout "$deadline" "$@" >"$work/server.out" 2>"$work/server.err" &
    pid=$!
    started="$started $pid"
    end=$(($(date +%s) + deadline))
    until address=$(head -n 1 "$work/server.out") && [ -n "$address" ]; do
        if ! kill -0 "$pid" 2>/dev/null || [ "$(date +%s)" -ge "$end" ]; then
            echo "FAILED  $*: it printed no address"
            cat "$work/server.err"
            faults=$((faults + 1))
            return 1
        fi
        sleep 0.05
    done
}
# stop: the last server.
stop() { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; }

# says NAME STATUS TEXT COMMAND…: ends with the status, and what it prints matches the pattern.
says() {
    name=$1 status=$2 text=$3
    shift 3
    timeout "$deadline" "$@" >"$work/out" 2>&1
    got=$?
    if [ "$got" -eq "$status" ] && grep -Eq "$text" "$work/out"; then
        echo "ok      $name"
    else
        echo "FAILED  $name: status $got, not $status, or not '$text': $*"
        head -c 2000 "$work/out"
        faults=$((faults + 1))
    fi
}
# answered NAME CLIENT_FOLDER ADDRESS
answered() {
    says "$1: words" 0 '^16 three words here$' "$2/echo_client" "$3" hello '' 'three words here'
    says "$1: a batch" 0 '^50000 answers, 0 wrong' "$2/batch_client" "$3" 50000
}

for server in go c; do
    for transport in tcp unix; do
        case $transport in
            tcp) wanted=tcp://127.0.0.1:0 ;;
            unix) wanted=unix://$work/socket-$server ;;
        esac
        eval "folder=\$$server"
        serve "$folder/echo_server" "$wanted" || continue
        echo_pid=$pid target=$address
        answered "$server server, go client, $transport" "$go" "$target"
        [ "$server" = c ] || answered "$server server, c client, $transport" "$c" "$target"
        says "$server server, requests, $transport" 0 '^2000 answered, 0 late, 0 failed' "$go/request" "$target" 2000 50
        says "$server server, the tool, $transport" 0 . "$build/zcnet" ping "$target" --framing length,strip=4 \
            --size 100000 --count 20
        # Through a proxy of the other language's, or the same.
        for proxy in go c; do
            eval "folder=\$$proxy"
            serve "$folder/forward_proxy" "unix://$work/proxy" "$target" || continue
            answered "$server server behind a proxy in $proxy, $transport" "$go" "$address"
            stop
        done
        pid=$echo_pid
        stop
    done
done

# Nobody answers in time: a peer that takes everything and says nothing.
serve "$build/zcnet" recv tcp://127.0.0.1:0 --framing length
says "requests without answers" 1 '^0 answered, 20 late, 0 failed' "$go/request" "$address" 20 10 50ms
stop
says "a client without a server" 1 'nobody listens|refused' "$go/echo_client" "unix://$work/nobody" hello
for program in echo_client batch_client request fan_out forward_proxy file_sender tls_echo two_connections; do
    says "$program without words" 2 '^usage' "$go/$program"
done

# Every receiver gets every tick, whatever it is written in.
serve "$go/fan_out" tcp://127.0.0.1:0 40 3
ticker=$pid receivers=
for i in $(seq 40); do
    timeout "$deadline" "$build/zcnet" recv "$address" --connect --framing 'delimiter=\n,strip=1' \
        --frames "$work/ticks$i" >/dev/null 2>"$work/receiver.err" &
    receivers="$receivers $!"
done
wait "$ticker"
for receiver in $receivers; do wait "$receiver"; done
printf 'tick %d\n' 1 2 3 >"$work/ticks"
right=0
for i in $(seq 40); do cmp -s "$work/ticks" "$work/ticks$i" && right=$((right + 1)); done
says "40 receivers get 3 ticks each" 0 '^40 3 ticks, 0 missed$' echo "$right $(sed 1d "$work/server.out")"

# Files.
head -c 20000000 /dev/urandom >"$work/large"
: >"$work/empty"
for wanted in tcp://127.0.0.1:0 "unix://$work/files"; do
    serve "$go/file_sender" serve "$wanted"
    says "files to ${wanted%%:*}" 0 '^large: 20000000 bytes' "$go/file_sender" send "$address" "$work/large" "$work/empty" \
        "$go/echo_server"
    stop
done

# Large messages on a connection of their own, opened when the first of them comes.
serve "$go/two_connections" serve tcp://127.0.0.1:0 "unix://$work/large-ones"
says "small messages need one connection" 0 '^4092 bytes, 1 connections$' "$go/two_connections" send "$address" \
    "unix://$work/large-ones" 10 4092
says "a large one opens the second" 0 '^20 bytes, 2 connections$' "$go/two_connections" send "$address" \
    "unix://$work/large-ones" 10 4093 30000000 20
stop

# TLS, also with whoever else speaks it.
step "a certificate" "$go/tls_echo" certificate "$work/cert" "$work/key"
serve "$go/tls_echo" serve 127.0.0.1:0 "$work/cert" "$work/key"
says "words over TLS" 0 '^16 three words here$' "$go/tls_echo" ask "$address" "$work/cert" hello '' 'three words here'
if command -v openssl >/dev/null; then
    printf '\000\000\000\005hello' >"$work/frame"
    mkfifo "$work/typed"
    timeout "$deadline" openssl s_client -quiet -no_ign_eof -verify_return_error -servername localhost -CAfile "$work/cert" \
        -connect "$address" <"$work/typed" >"$work/echoed" 2>"$work/openssl" &
    other=$!
    exec 7>"$work/typed"
    cat "$work/frame" >&7
    end=$(($(date +%s) + 30))
    until [ "$(wc -c <"$work/echoed")" -ge 9 ] || [ "$(date +%s)" -ge "$end" ]; do sleep 0.05; done
    exec 7>&-
    wait "$other"
    step "TLS with another implementation" cmp "$work/frame" "$work/echoed"
fi
"$go/tls_echo" certificate "$work/other" "$work/other.key"
says "a certificate that is not trusted" 1 'certificate' "$go/tls_echo" ask "$address" "$work/other" hello
stop
finish
