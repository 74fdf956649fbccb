#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Requests and answers with many in flight, matched by a number, each with a deadline of its own, by asyncio.

The first eight bytes of a body are the number; a server answers with the same number, in any order. An echo server is
such a server.

Usage: request.py ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]
"""
import asyncio
import itertools
import sys

import zcnet
import zcnet.aio


class Client:
    """Asks on one connection, for any number of tasks."""

    def __init__(self, conn):
        self.conn = conn
        self.waiting = {}
        self.numbers = itertools.count(1)
        self.receiver = asyncio.create_task(self.receive())

    async def receive(self):
        """Hands each answer to who waits for it, until the connection ends."""
        try:
            async for message in self.conn:
                with message, message.data as data:
                    answer = self.waiting.get(int.from_bytes(data[:8], "big"))
                    if answer is not None and not answer.done():
                        answer.set_result(bytes(data[8:]))
        finally:
            for answer in self.waiting.values():
                answer.cancel()

    async def ask(self, question, timeout):
        number = next(self.numbers)
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self.conn.send(number.to_bytes(8, "big") + question)
            return await asyncio.wait_for(answer, timeout)
        finally:
            del self.waiting[number]


async def main(address, count, in_flight, timeout):
    framing = zcnet.Framing("length,width=4,strip=4,max=1M")
    counts = {"answered": 0, "late": 0, "failed": 0}
    async with await zcnet.aio.connect(address, framing) as conn:
        client = Client(conn)
        questions = iter(range(1, count + 1))

        async def worker():
            for number in questions:
                question = b"question %d" % number
                try:
                    answer = await client.ask(question, timeout)
                    counts["answered" if answer == question else "failed"] += 1
                except asyncio.TimeoutError:
                    counts["late"] += 1
                except (zcnet.Error, asyncio.CancelledError):
                    counts["failed"] += 1

        await asyncio.gather(*(worker() for _ in range(in_flight)))
    await client.receiver
    print("{answered} answered, {late} late, {failed} failed".format(**counts))
    return 0 if counts["answered"] == count else 1


if __name__ == "__main__":
    numbers = [int(word) if word.isdecimal() else 0 for word in sys.argv[2:]]
    if len(numbers) not in (2, 3) or not all(numbers):
        print("usage: request.py ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]", file=sys.stderr)
        sys.exit(2)
    seconds = numbers[2] / 1000 if len(numbers) == 3 else 30
    try:
        sys.exit(asyncio.run(main(sys.argv[1], numbers[0], numbers[1], seconds)))
    except zcnet.Error as error:
        sys.exit(f"request: {error}")
