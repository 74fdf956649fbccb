#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Requests and answers with many in flight, each with a deadline of its own, by asyncio.

The first eight bytes of a body are an id, which the library gives and finds again; a server answers with the same id, in
any order. An echo server is such a server.

Usage: request.py ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]
"""
import asyncio
import sys

import zcnet
import zcnet.aio

ROOM = bytes(8)  # for the id


async def main(address, count, in_flight, timeout):
    framing = zcnet.Framing("length,width=4,strip=4,max=1M")
    counts = {"answered": 0, "late": 0, "failed": 0}
    async with await zcnet.aio.connect(address, framing, id_width=len(ROOM)) as conn:
        numbers = iter(range(1, count + 1))

        async def worker():
            for number in numbers:
                question = b"question %d" % number
                try:
                    with await conn.request(ROOM + question, timeout) as answer:
                        counts["answered" if bytes(answer)[len(ROOM):] == question else "failed"] += 1
                except zcnet.Timeout:
                    counts["late"] += 1
                except zcnet.Error:
                    counts["failed"] += 1

        await asyncio.gather(*(worker() for _ in range(in_flight)))
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
