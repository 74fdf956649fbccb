# SPDX-License-Identifier: MIT
"""Dialers: one connection after the other, and what is told of them."""

import asyncio
import tempfile
import unittest

import zcnet
import zcnet._driver
import zcnet.aio
from support import FRAMING, TestCase

EventType = zcnet.EventType
QUICK = {"first_ms": 10, "longest_ms": 40}


class Dialers(TestCase):
    def test_a_connection_that_ends_is_made_again(self):
        loop = self.loop()
        listener = loop.listen("tcp://127.0.0.1:0", FRAMING)
        dialer = loop.dial(listener.address, FRAMING, conn={"high_water": 100000}, **QUICK)
        self.assertEqual(dialer.conn.get_option(zcnet.Option.HIGH_WATER), 100000)
        self.assertTrue(dialer.conn.send(b"once"))
        redials, got = 0, []
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                got.append(bytes(event.message))
                if len(got) == 2:
                    break
                event.conn.abort()
            elif event.type == EventType.REDIAL:
                redials += 1
                self.assertIs(event.dialer, dialer)
                self.assertIsInstance(event.error, ConnectionError)
                self.assertTrue(1 <= event.size <= 40)
                self.assertIsNone(dialer.conn)
                self.assertGreaterEqual(dialer.stats()["wait_ms"], 1)
                dialer.hurry()
            elif event.type == EventType.CONNECTED and redials:
                self.assertIs(event.conn, dialer.conn)
                self.assertTrue(event.conn.send(b"again"))
        self.assertEqual((got, redials, dialer.stats()["connected"]), ([b"once", b"again"], 1, 2))
        dialer.close()
        for event in self.until(loop):
            self.assertNotEqual(event.type, EventType.REDIAL)
            if event.type == EventType.DIALER_CLOSED:
                self.assertIs(event.dialer, dialer)
                self.assertIsNone(event.error)
                break
        self.assertRaises(zcnet.Closed, dialer.hurry)
        loop.poll(0)
        self.assertEqual(len(loop._dialers), 0)

    def test_it_gives_up_when_it_was_told_to(self):
        loop = self.loop()
        with tempfile.TemporaryDirectory() as folder:
            dialer = loop.dial(f"unix://{folder}/nobody", FRAMING, attempts=3, **QUICK)
            failures = []
            for event in self.until(loop):
                if event.type == EventType.REDIAL:
                    failures.append(event.token)
                elif event.type == EventType.DIALER_CLOSED:
                    self.assertIsInstance(event.error, ConnectionRefusedError)
                    break
        self.assertEqual((failures, dialer.stats()["attempts"]), ([1, 2], 3))

    def test_what_cannot_be_dialled(self):
        loop = self.loop()
        self.assertRaises(ValueError, loop.dial, "nowhere", FRAMING)
        self.assertRaises(TypeError, loop.dial, "tcp://127.0.0.1:1", FRAMING, first=1)
        self.assertEqual(len(loop._dialers), 0)


class Asyncio(TestCase):
    def run_it(self, main):
        asyncio.run(asyncio.wait_for(main(), 120))
        self.assertEqual(dict(zcnet._driver._drivers), {})

    def test_connections_one_after_the_other(self):
        async def once(conn):
            with await conn.receive() as message:
                await conn.send(message)

        async def main():
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, once) as server:
                answers = []
                async with zcnet.aio.dial(server.address, FRAMING, **QUICK) as dialer:
                    async for conn in dialer:
                        await conn.send(b"%d" % len(answers))
                        async for message in conn:
                            with message:
                                answers.append(bytes(message))
                        if len(answers) == 5:
                            break
                        dialer.hurry()
                self.assertEqual(answers, [b"%d" % number for number in range(5)])
                self.assertIsInstance(dialer.last_error, zcnet.Eof)
                self.assertEqual([conn async for conn in dialer], [])

        self.run_it(main)

    def test_nobody_there(self):
        async def main():
            with tempfile.TemporaryDirectory() as folder:
                dialer = zcnet.aio.dial(f"unix://{folder}/nobody", FRAMING, attempts=2, **QUICK)
                with self.assertRaises(ConnectionRefusedError):
                    async for _ in dialer:
                        self.fail("there is nobody")
                await dialer.close()
                # Closed while it tries, or waits for the next time to.
                dialer = zcnet.aio.dial(f"unix://{folder}/nobody", FRAMING)
                await dialer.close()
                await dialer.close()

        self.run_it(main)


if __name__ == "__main__":
    unittest.main()
