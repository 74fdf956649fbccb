#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends each word as a message to an echo server and prints the answers, each with its size.

Usage: echo_client.py ADDRESS WORD…
"""
import sys

import zcnet


def main(address, words):
    framing = zcnet.Framing("length,width=4,strip=4,max=1M")
    with zcnet.Loop() as loop:
        conn = loop.connect(address, framing)
        for word in words:
            try:
                conn.send(word.encode())
            except zcnet.Closed:
                break  # it has failed already, and CLOSED says why
        missing = len(words)
        for event in loop.events():
            if event.type == zcnet.EventType.MESSAGE:
                print(len(event.message), bytes(event.message).decode())
                missing -= 1
                if missing == 0:
                    conn.close()
            elif event.type == zcnet.EventType.CLOSED:
                if missing:
                    raise conn.error
                return


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print("usage: echo_client.py ADDRESS WORD...", file=sys.stderr)
        sys.exit(2)
    try:
        main(sys.argv[1], sys.argv[2:])
    except zcnet.Error as error:
        sys.exit(f"echo_client: {error}")
