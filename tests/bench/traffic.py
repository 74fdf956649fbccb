#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The two ends of a stream through a proxy.

    traffic.py sink                          prints its port; then, for each connection that has ended, its bytes
    traffic.py source PORT WRITE SECONDS     sends writes of that size for that long; prints its bytes, and the
                                             seconds until the end had come back
"""
import socket
import sys
import time

ALL_AT_ONCE = 1 << 20


def sink():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        room = bytearray(ALL_AT_ONCE)
        while True:
            connection, _ = listener.accept()
            total = 0
            with connection:
                # Thrown away by the kernel: the receiver is not what is measured.
                while got := connection.recv_into(room, ALL_AT_ONCE, socket.MSG_TRUNC):
                    total += got
            print(total, flush=True)


def source(port, size, seconds):
    total = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        data = bytes(size)
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            connection.sendall(data)
            total += size
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1):
            pass
        took = time.monotonic() - start
    print(total, took)


if sys.argv[1] == "sink":
    sink()
else:
    source(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
