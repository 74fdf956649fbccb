#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends many small messages to an echo server, as many at a time as the connection takes, and checks the answers.

Usage: batch_client.py ADDRESS COUNT
"""
import sys

import zcnet


def main(address, total):
    framing = zcnet.Framing("length,width=4,strip=4,max=1M")
    made = answers = wrong = 0
    with zcnet.Loop() as loop:
        conn = loop.connect(address, framing)
        for event in loop.events():
            if event.type in (zcnet.EventType.CONNECTED, zcnet.EventType.WRITABLE):
                # False above the high-water mark: that number is offered again when the connection is writable.
                while made < total and conn.send(made.to_bytes(8, "little")):
                    made += 1
            elif event.type == zcnet.EventType.MESSAGE:
                wrong += bytes(event.message) != answers.to_bytes(8, "little")
                answers += 1
                if answers == total:
                    conn.close()
            elif event.type == zcnet.EventType.CLOSED:
                stats = conn.stats()
                print(
                    f"{answers} answers, {wrong} wrong, {stats['write_calls']} writes, {stats['read_calls']} reads, "
                    f"{stats['copied_bytes']} bytes copied"
                )
                if answers != total:
                    raise conn.error
                return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal() or int(sys.argv[2]) == 0:
        print("usage: batch_client.py ADDRESS COUNT", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1], int(sys.argv[2])))
    except zcnet.Error as error:
        sys.exit(f"batch_client: {error}")
