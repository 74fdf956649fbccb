#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Receiving in Python against the C tool's own receive: both get the same bytes from a process of their own, in turns.

Usage: bench.py TOOL      prints a table of messages a second, medians of five rounds
"""
import json
import socket
import statistics
import subprocess
import sys
import time

import zcnet

FRAMING = "length,strip=4,max=1M"
ROUNDS = 5


def by_python(received):
    """Views of all messages, whose first and last bytes are looked at; seconds from the first to the end."""
    count = total = 0
    begun = None
    with zcnet.Loop() as loop:
        listener = loop.listen("tcp://127.0.0.1:0", zcnet.Framing(FRAMING))
        yield listener.address
        for event in loop.events():
            if event.type == zcnet.EventType.MESSAGE:
                view = event.message.data
                total += view[0] + view[-1]
                count += 1
            elif event.type == zcnet.EventType.ACCEPTED:
                begun = time.perf_counter()
            elif event.type == zcnet.EventType.CLOSED:
                break
        received.append(count / (time.perf_counter() - begun))
    if total != count * 2 * ord("x"):
        sys.exit(f"the sum is {total}, not {count * 2 * ord('x')}")


def send(address, size, count):
    return subprocess.Popen([sys.executable, __file__, "--send", address, str(size), str(count)])


def sender(address, size, count):
    """Frames that were made before, many at a time, so that this end is not what is measured."""
    frame = size.to_bytes(4, "big") + b"x" * size
    many = max(1, (1 << 20) // len(frame))
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        for _ in range(count // many):
            sock.sendall(frame * many)
        sock.sendall(frame * (count % many))


def round_of(tool, size, count, rates):
    command = [tool, "recv", "tcp://127.0.0.1:0", "--framing", FRAMING, "--once", "--stats", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        first = json.loads(receiver.stdout.readline())
        send(first["listening"], size, count).wait()
        last = json.loads(receiver.stdout.read().splitlines()[-1])
    rates["C tool"].append(last["messages"] / last["seconds"])
    receiver = by_python(rates["Python"])
    with send(next(receiver), size, count) as other:
        for _ in receiver:
            pass
    if other.returncode or last["messages"] != count:
        sys.exit("the sender failed")


def main(tool):
    print(f"{'receive':>10} {'C tool, msg/s':>15} {'Python, msg/s':>15} {'Python / C':>11}")
    for size, count in ((64, 500000), (4096, 200000), (65536, 30000)):
        rates = {"C tool": [], "Python": []}
        for _ in range(ROUNDS):
            round_of(tool, size, count, rates)
        medians = {name: statistics.median(values) for name, values in rates.items()}
        print(f"{size:>10} {medians['C tool']:>15.0f} {medians['Python']:>15.0f} "
              f"{medians['Python'] / medians['C tool']:>11.2f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--send":
        sys.exit(sender(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    if len(sys.argv) != 2:
        print("usage: bench.py TOOL", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1])
