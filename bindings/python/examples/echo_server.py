#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An echo server: every message goes back as it came. A peer that does not read is not read from either.

Usage: echo_server.py [ADDRESS]
"""
import sys

import zcnet


def main(address="tcp://127.0.0.1:7000"):
    framing = zcnet.Framing("length,width=4,strip=4,max=1M")
    with zcnet.Loop() as loop:
        listener = loop.listen(address, framing)
        print(listener.address, flush=True)
        for event in loop.events():
            if event.type == zcnet.EventType.MESSAGE:
                try:
                    event.conn.forward(event.message)
                except zcnet.Error:
                    event.conn.abort()
            elif event.type == zcnet.EventType.CLOSED and not isinstance(event.error, zcnet.Eof):
                print(f"a connection ended: {event.error}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except zcnet.Error as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
