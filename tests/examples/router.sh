#!/bin/sh
# SPDX-License-Identifier: MIT
# The router: whoever the first line names gets every byte, the line included, and the end; and so does the other side.
. "$(dirname "$0")/shared/examples.sh"

# A line with much behind it, and nothing but a line.
printf 'alpha\n' >"$work/line"
{ printf 'alpha GET /\n'; head -c 3000000 /dev/urandom; } >"$work/much"
for file in much line; do
    start r recv tcp://127.0.0.1:0 --framing raw --once --frames "$work/frames"
    serve "to-$file" "$EXAMPLES/router" "unix://$work/socket-$file" "beta=unix://$work/nobody" "alpha=$address" \
        "alph=unix://$work/none"
    run 0 send "$address" --framing raw "$work/$file"
    finish r 0
    same "$work/$file" "$work/frames" "the $file changed on its way"
    rm -f "$work/frames"
done

# Both directions at a time, by a peer that ends its own and still reads.
start r echo "unix://$work/echo" --framing raw
serve second "$EXAMPLES/router" tcp://127.0.0.1:0 "echo=$address"
python3 - "$address" "$work/much" <<'END' || die 'what came back'
import socket, sys, threading

host, port = sys.argv[1].removeprefix("tcp://").rsplit(":", 1)
data = b"echo me\n" + open(sys.argv[2], "rb").read()
peer = socket.create_connection((host, int(port)), 100)
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def say():
    # Cut off everywhere in its line, and some way behind it.
    for at in range(100):
        peer.sendall(data[at:at + 1])
    peer.sendall(data[100:])
    peer.shutdown(socket.SHUT_WR)


threading.Thread(target=say, daemon=True).start()
got = b"".join(iter(lambda: peer.recv(1 << 20), b""))
sys.exit(got != data)
END

# Names that nobody has, and targets that are not there.
serve third "$EXAMPLES/router" "unix://$work/third" "nobody=unix://$work/nobody"
printf 'nobody x\n' >"$work/to-nobody"
for file in much to-nobody; do
    status=0
    zcnet send "$address" --framing raw "$work/$file" >"$work/run.out" 2>&1 || status=$?
    [ "$status" -le 1 ] || die "$file: status $status"
done
holds "$work/third.err" 'there is no such file' 'a name that nobody has'
kill -0 "$pid" || die 'the router has ended'
example 2 router
