# SPDX-License-Identifier: MIT
"""Requests and their answers, matched by an id."""

import asyncio
import errno
import socket
import unittest

import zcnet
import zcnet._driver
import zcnet.aio
from support import FRAMING, TestCase

EventType = zcnet.EventType
ROOM = bytes(8)


class Requests(TestCase):
    def test_answers_in_another_order(self):
        loop = self.loop()
        near, far = self.pair(loop, id_width=8)
        for token in range(1, 11):
            self.assertTrue(near.request(ROOM + b"question %d" % token, token, 60))
        asked, answered = [], {}
        for event in self.until(loop):
            self.assertEqual(event.type, EventType.MESSAGE)
            if event.conn is far:
                self.assertEqual(event.token, 0)
                asked.append((far.id_of(event.message), bytes(event.message)[8:]))
                if len(asked) == 10:
                    for number, question in reversed(asked):
                        self.assertTrue(far.answer(number, ROOM + b"to " + question))
            else:
                answered[event.token] = bytes(event.message)[8:]
                if len(answered) == 10:
                    break
        self.assertEqual(answered, {token: b"to question %d" % token for token in range(1, 11)})
        self.assertEqual(near.stats()["answers"], 10)

    def test_ids_are_put_where_the_body_is_written(self):
        loop = self.loop()
        near, far = self.pair(loop, id_width=8)
        number = near.begin_request(7, 60)
        unit = zcnet.Unit(FRAMING, 16)
        unit.body[8:] = b"question"
        near.put_id(unit.body, number)
        self.assertTrue(near.send(unit))
        question = self.message(loop, far)
        self.assertEqual((far.id_of(question), bytes(question)[8:]), (number, b"question"))
        self.assertTrue(far.answer(question, ROOM))
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                self.assertEqual((event.conn, event.token), (near, 7))
                break
        self.assertRaises(ValueError, near.put_id, bytearray(7), number)
        self.assertRaises(TypeError, near.put_id, bytes(8), number)

    def test_without_an_answer(self):
        loop = self.loop()
        near, far = self.pair(loop, id_width=4, max_requests=2)
        self.assertTrue(near.request(bytes(4), 1, 0.001))
        for event in self.until(loop):
            if event.type == EventType.UNANSWERED:
                self.assertEqual(event.token, 1)
                self.assertIsInstance(event.error, zcnet.Timeout)
                break
        number = near.begin_request(2)
        self.assertTrue(near.end_request(number))
        self.assertFalse(near.end_request(number))
        near.begin_request(3)
        near.begin_request(4)
        self.assertRaises(zcnet.SystemFailure, near.begin_request, 5)
        far.abort()
        told = set()
        for event in self.until(loop):
            if event.type == EventType.UNANSWERED:
                told.add(event.token)
                self.assertIsNotNone(event.error)
                if told == {3, 4}:
                    break

    def test_what_cannot_be_asked(self):
        loop = self.loop()
        near, _ = self.pair(loop)
        self.assertRaises(zcnet.SystemFailure, near.request, ROOM, 1)
        near, far = self.pair(loop, id_width=8)
        self.assertRaises(ValueError, near.request, b"short", 1)
        self.assertRaises(ValueError, near.request, ROOM, 0)
        near.send(b"short")
        self.assertRaises(ValueError, far.answer, self.message(loop, far), ROOM)


class Asyncio(TestCase):
    def run_it(self, main):
        asyncio.run(asyncio.wait_for(main(), 120))
        self.assertEqual(dict(zcnet._driver._drivers), {})

    def test_many_tasks(self):
        async def serve(conn):
            held = []
            async for message in conn:
                held.append(message)
                if len(held) == 10:
                    for one in reversed(held):
                        with one:
                            await conn.answer(one, bytes(one))
                    held.clear()

        async def main():
            options = {"id_width": 8}
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, serve, conn=options) as server:
                async with await zcnet.aio.connect(server.address, FRAMING, high_water=1000, **options) as conn:
                    async def ask(number):
                        with await conn.request(ROOM + b"%d" % number, 60) as answer:
                            self.assertEqual(bytes(answer)[8:], b"%d" % number)

                    for batch in range(10):
                        await asyncio.gather(*(ask(number) for number in range(100)))
                    self.assertEqual(conn._requests, {})

        self.run_it(main)

    def test_those_that_wait_for_room_end_too(self):
        async def main():
            with socket.create_server(("127.0.0.1", 0)) as deaf:
                address = "tcp://127.0.0.1:%d" % deaf.getsockname()[1]
                conn = await zcnet.aio.connect(address, FRAMING, id_width=8, high_water=1000)
                asked = await asyncio.gather(
                    *(conn.request(bytes(900000), 0.1) for _ in range(30)), return_exceptions=True
                )
                self.assertEqual([type(answer) for answer in asked], [zcnet.Timeout] * 30)
                self.assertEqual(conn._requests, {})
                # And others, when the connection ends before their time.
                asked = [asyncio.ensure_future(conn.request(bytes(900000), 3600)) for _ in range(3)]
                await asyncio.sleep(0)
                conn.abort()
                for answer in await asyncio.gather(*asked, return_exceptions=True):
                    self.assertIsInstance(answer, zcnet.Error)
                    self.assertNotIsInstance(answer, zcnet.Timeout)
                await conn.wait_closed()

        self.run_it(main)

    def test_more_than_may_be_asked_at_once(self):
        async def serve(conn):
            async for message in conn:
                with message:
                    if bytes(message)[8:] == b"answer":
                        await conn.answer(message, bytes(message))

        async def main():
            options = {"id_width": 8}
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, serve, conn=options) as server:
                async with await zcnet.aio.connect(server.address, FRAMING, max_requests=2, **options) as conn:
                    for answer in await asyncio.gather(*(conn.request(ROOM + b"answer", 60) for _ in range(50))):
                        answer.release()
                    asked = await asyncio.gather(
                        *(conn.request(ROOM + b"hold your tongue", 0.05) for _ in range(10)), return_exceptions=True
                    )
                    self.assertEqual([type(answer) for answer in asked], [zcnet.Timeout] * 10)
                    # Who is cancelled lets another one ask.
                    asked = [asyncio.ensure_future(conn.request(ROOM)) for _ in range(4)]
                    await asyncio.sleep(0)
                    self.assertEqual(conn.conn.stats()["requests_waiting"], 2)
                    for task in asked:
                        task.cancel()
                    self.assertEqual(len(await asyncio.gather(*asked, return_exceptions=True)), 4)
                    (await conn.request(ROOM + b"answer")).release()
                    # Those of the program itself wake nobody.
                    held = [conn.conn.begin_request(1 << 40), conn.conn.begin_request(2 << 40)]
                    with self.assertRaises(OSError) as refused:
                        await conn.request(ROOM, 60)
                    self.assertEqual(refused.exception.errno, errno.ENOBUFS)
                    for number in held:
                        conn.conn.end_request(number)

        self.run_it(main)

    def test_nobody_answers(self):
        async def silent(conn):
            with await conn.receive(), await conn.receive():
                await conn.receive()

        async def main():
            options = {"id_width": 8}
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, silent, conn=options) as server:
                async with await zcnet.aio.connect(server.address, FRAMING, **options) as conn:
                    with self.assertRaises(zcnet.Timeout):
                        await conn.request(ROOM, 0.01)
                    task = asyncio.ensure_future(conn.request(ROOM))
                    while conn.conn.stats()["requests_waiting"] == 0:
                        await asyncio.sleep(0)
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task
                    self.assertEqual(conn.conn.stats()["requests_waiting"], 0)
                    task = asyncio.ensure_future(conn.request(ROOM))
                    while conn.conn.stats()["requests_waiting"] == 0:
                        await asyncio.sleep(0)
                    conn.abort()
                    with self.assertRaises(zcnet.Error):
                        await task
                    with self.assertRaises(zcnet.Closed):
                        await conn.request(ROOM)

        self.run_it(main)


if __name__ == "__main__":
    unittest.main()
