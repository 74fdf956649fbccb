#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A proxy: each connection gets one of its own to the target, and what arrives at either leaves at the other, without
a copy. forward() stops reading one end while the other is slow, so nothing piles up here.

Usage: forward_proxy.py ADDRESS TARGET
"""
import sys

import zcnet


def pair_up(loop, near, target, framing):
    try:
        far = loop.connect(target, framing, half_open=1)
    except zcnet.Error:
        near.abort()
        return
    near.user, far.user = far, near  # the two ends know each other


def ended(event):
    other = event.conn.user
    if other is None:
        return
    other.user = None  # it must not use this end any more
    if event.error is None or isinstance(event.error, zcnet.Eof):
        other.close()
    else:
        print(f"an end was lost: {event.error}", file=sys.stderr, flush=True)
        other.abort()


def handle(loop, event, target, framing):
    other = event.conn and event.conn.user
    if event.type == zcnet.EventType.ACCEPTED:
        pair_up(loop, event.conn, target, framing)
    elif event.type == zcnet.EventType.CLOSED:
        ended(event)
    elif other is not None and event.type == zcnet.EventType.MESSAGE:
        try:
            other.forward(event.message)
        except zcnet.Closed:
            pass  # the other end has failed, and its CLOSED follows
        except zcnet.Error:
            event.conn.abort()
    elif other is not None and event.type == zcnet.EventType.PEER_CLOSED:
        try:
            other.shutdown()  # one direction has ended, the other may go on
        except zcnet.Closed:
            pass


def main(address, target):
    framing = zcnet.Framing("raw")
    with zcnet.Loop() as loop:
        print(loop.listen(address, framing, conn={"half_open": 1}).address, flush=True)
        for event in loop.events():
            handle(loop, event, target, framing)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: forward_proxy.py ADDRESS TARGET", file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except zcnet.Error as error:
        sys.exit(f"forward_proxy: {error}")
    except KeyboardInterrupt:
        pass
