#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small messages on one connection and large ones on another, which is opened when the first large one is to be sent: so a
small message never waits behind a large one, and whoever receives can give each its own limit.

Usage: two_connections.py serve SMALL LARGE            answers each message with its size; prints both addresses
       two_connections.py send SMALL LARGE SIZE…       sends a message of each size
"""
import asyncio
import sys

import zcnet
import zcnet.aio

# Whole frames of up to 4 KiB are small: a longer one is refused there as soon as its header is read.
SMALL = zcnet.Framing("length,width=4,strip=4,max=4K")
LARGE = zcnet.Framing("length,width=4,strip=4,max=64M")


async def answer(conn):
    async for message in conn:
        with message:
            size = len(message)
        await conn.send(b"%d" % size)


async def serve(small, large):
    servers = [
        await zcnet.aio.listen(address, framing, answer) for address, framing in ((small, SMALL), (large, LARGE))
    ]
    for server in servers:
        print(server.address, flush=True)
    await asyncio.Event().wait()


class Link:
    """What the rest of a program sees: one thing to send on."""

    def __init__(self, small, large):
        self.addresses = {SMALL: small, LARGE: large}
        self.conns = {}

    async def send(self, body):
        """Sends a body on the connection that takes it, and gives the answer."""
        try:
            SMALL.overhead(len(body))
            framing = SMALL
        except zcnet.FrameError:
            framing = LARGE
        if framing not in self.conns:
            self.conns[framing] = await zcnet.aio.connect(self.addresses[framing], framing)
        await self.conns[framing].send(zcnet.Unit().append(body))
        with await self.conns[framing].receive() as message:
            return bytes(message).decode()

    async def close(self):
        for conn in self.conns.values():
            await conn.close()


async def send(small, large, *sizes):
    link = Link(small, large)
    for size in sizes:
        came = await link.send(bytes(int(size)))
        if came != size:
            sys.exit(f"{size} bytes arrived as {came}")
        print(f"{size} bytes, {len(link.conns)} connections")
    await link.close()


if __name__ == "__main__":
    words = sys.argv[1:]
    try:
        if len(words) == 3 and words[0] == "serve":
            asyncio.run(serve(*words[1:]))
        elif len(words) > 3 and words[0] == "send":
            asyncio.run(send(*words[1:]))
        else:
            print("usage: two_connections.py serve SMALL LARGE | send SMALL LARGE SIZE...", file=sys.stderr)
            sys.exit(2)
    except zcnet.Error as error:
        sys.exit(f"two_connections: {error}")
    except KeyboardInterrupt:
        pass
