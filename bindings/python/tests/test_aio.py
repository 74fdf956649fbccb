# SPDX-License-Identifier: MIT
"""Connections in an asyncio loop: nothing is lost, and everything ends."""

import asyncio
import errno
import gc
import os
import random
import tempfile
import threading
import unittest
import weakref

import zcnet
import zcnet._driver
import zcnet.aio
from support import FRAMING, TestCase


async def echo(conn):
    async for message in conn:
        with message:
            await conn.send(message)


class Asyncio(TestCase):
    def run_it(self, main):
        asyncio.run(asyncio.wait_for(main(), 120))
        self.assertEqual(dict(zcnet._driver._drivers), {})

    def test_echo(self):
        async def main():
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, echo) as server:
                async with await zcnet.aio.connect(server.address, FRAMING) as conn:
                    for number in range(3000):
                        await conn.send(b"%d" % number)
                    for number in range(3000):
                        with await conn.receive() as message:
                            self.assertEqual(bytes(message), b"%d" % number)
                with self.assertRaises(zcnet.Closed):
                    await conn.receive()
                with self.assertRaises(zcnet.Closed):
                    await conn.send(b"late")

        self.run_it(main)

    def test_random_wake_ups(self):
        """Sends at random moments, between polls and out of them, with all sizes of batches: each is answered."""
        dice = random.Random(5)

        async def ask(conn, rounds):
            for number in range(rounds):
                await conn.send(b"%d" % number)
                if dice.random() < 0.3:
                    await asyncio.sleep(dice.random() * 0.002)
                with await asyncio.wait_for(conn.receive(), 60) as message:
                    self.assertEqual(bytes(message), b"%d" % number)

        async def main():
            # A batch of one: the listener's side hands out one message in a poll.
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, echo, conn={"messages_per_poll": 1}) as server:
                conns = [await zcnet.aio.connect(server.address, FRAMING) for _ in range(8)]
                await asyncio.gather(*(ask(conn, 300) for conn in conns))
                for conn in conns:
                    await conn.close()

        self.run_it(main)

    def test_posts_of_other_threads_wake_it(self):
        async def main():
            got = []

            async def take(conn):
                async for message in conn:
                    with message:
                        got.append(int(bytes(message)))

            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, take) as server:
                conn = await zcnet.aio.connect(server.address, FRAMING)

                def work():
                    for number in range(1000):
                        unit = zcnet.Unit().append_copy(b"%d" % number)
                        while not conn.conn.post(unit):
                            pass

                thread = threading.Thread(target=work)
                thread.start()
                while len(got) < 1000:
                    await asyncio.sleep(0.001)
                thread.join()
                await conn.close()
            self.assertEqual(got, list(range(1000)))

        self.run_it(main)

    def test_cancelling_loses_nothing(self):
        async def main():
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, echo) as server:
                async with await zcnet.aio.connect(server.address, FRAMING) as conn:
                    for number in range(200):
                        waiting = asyncio.ensure_future(conn.receive())
                        await asyncio.sleep(0)
                        await conn.send(b"%d" % number)
                        for _ in range(number % 7):
                            await asyncio.sleep(0)
                        waiting.cancel()
                        try:
                            message = await waiting
                        except asyncio.CancelledError:
                            message = await asyncio.wait_for(conn.receive(), 60)
                        with message:
                            self.assertEqual(bytes(message), b"%d" % number)

        self.run_it(main)

    def test_who_does_not_receive_is_waited_for(self):
        async def main():
            begun, go_on, got = asyncio.Event(), asyncio.Event(), []

            async def slow(conn):
                begun.set()
                await go_on.wait()
                async for message in conn:
                    with message:
                        got.append(len(message))

            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, slow, limit=4) as server:
                async with await zcnet.aio.connect(server.address, FRAMING, high_water=100000) as conn:
                    await begun.wait()

                    async def send():
                        for _ in range(2000):
                            await conn.send(b"x" * 20000)

                    sending = asyncio.ensure_future(send())
                    done, _ = await asyncio.wait([sending], timeout=0.3)
                    self.assertFalse(done)
                    go_on.set()
                    await sending
                while len(got) < 2000:
                    await asyncio.sleep(0.001)
            self.assertEqual(got, [20000] * 2000)

        self.run_it(main)

    def test_ends(self):
        async def main():
            ended = asyncio.Event()

            async def wrong(conn):
                try:
                    await conn.receive()
                finally:
                    ended.set()

            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, wrong) as server:
                address = server.address
                async with await zcnet.aio.connect(address, zcnet.Framing("raw")) as conn:
                    await conn.send(b"\xff\xff\xff\xff")
                    await ended.wait()
                    try:
                        await conn.receive()
                        self.fail("it went on")
                    except (zcnet.Eof, ConnectionError):
                        pass
                ended.clear()
                conn = await zcnet.aio.connect(address, FRAMING)
                conn.abort()
                await conn.wait_closed()
                self.assertIsInstance(conn.conn.error, ConnectionAbortedError)
                await ended.wait()
                # One that is still there when the server goes.
                left = await zcnet.aio.connect(address, FRAMING)
            with self.assertRaises((zcnet.Eof, ConnectionError)):
                await left.receive()
            with self.assertRaises(ConnectionRefusedError):
                await zcnet.aio.connect(address, FRAMING)
            with self.assertRaises(ValueError):
                await zcnet.aio.connect("nowhere", FRAMING)

        self.run_it(main)

    def test_large_messages_go_into_files(self):
        content = bytes(range(256)) * 1200

        async def main():
            kept, failed = asyncio.Event(), []

            async def store(conn):
                with await conn.receive() as small:
                    self.assertEqual((bytes(small), small.body_size), (b"small", None))
                    with self.assertRaises(ValueError):
                        await conn.receive_file(small, None)
                with await conn.receive() as header:
                    self.assertEqual(await conn.receive_file(header, file, offset=2), len(content))
                with await conn.receive() as header, open("/dev/full", "wb") as full:
                    try:
                        await conn.receive_file(header, full)
                    except OSError as error:
                        failed.append(error.errno)
                with await conn.receive() as header:
                    self.assertEqual(await conn.receive_file(header, None), 0)
                with await conn.receive() as last:
                    self.assertEqual(bytes(last), b"last")
                kept.set()

            options = {"header_from": 1000}
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, store, conn=options, limit=2) as server:
                async with await zcnet.aio.connect(server.address, FRAMING) as conn:
                    for body in (b"small", content, content, content, b"last"):
                        await conn.send(body)
                    await kept.wait()
            self.assertEqual(failed, [errno.ENOSPC])

        with tempfile.TemporaryFile() as file:
            self.run_it(main)
            file.seek(0)
            self.assertEqual(file.read(), bytes(2) + content)

    def test_memory_is_waited_for(self):
        async def main():
            with zcnet.Pool(block_size=64 << 10, limit=1 << 20) as pool:
                await zcnet.aio.memory(pool)
                with self.assertRaises(ValueError):
                    await zcnet.aio.memory(pool, 2 << 20)
                units = []
                with self.assertRaises(OSError):
                    while len(units) < 100:
                        units.append(zcnet.Unit(size=24 << 10, pool=pool))
                waiting = [asyncio.ensure_future(zcnet.aio.memory(pool, 24 << 10)) for _ in range(3)]
                await asyncio.sleep(0)
                waiting.pop().cancel()
                self.assertFalse(any(task.done() for task in waiting))
                other = threading.Thread(target=lambda: [unit.close() for unit in units])
                other.start()
                await asyncio.gather(*waiting)
                other.join()

        self.run_it(main)

    def test_memory_that_can_never_come(self):
        async def main():
            with zcnet.Pool(block_size=64 << 10, limit=1 << 20) as pool:
                units = []
                with self.assertRaises(OSError):
                    while len(units) < 100:
                        units.append(zcnet.Unit(size=24 << 10, pool=pool))
                waiting = asyncio.ensure_future(zcnet.aio.memory(pool, 700 << 10))
                await asyncio.sleep(0)
                self.assertFalse(waiting.done())
                # Keeps more of the pool for messages that have begun.
                with zcnet.Stream(zcnet.Framing("length,max=512K"), pool=pool):
                    with self.assertRaises(ValueError):
                        await waiting
                for unit in units:
                    unit.close()

        self.run_it(main)

    def test_what_is_left_open_goes_with_the_asyncio_loop(self):
        loops = []

        async def main():
            loops.append(weakref.ref(asyncio.get_running_loop()))
            server = await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, echo)
            loops.append(weakref.ref(server._driver.loop))
            conn = await zcnet.aio.connect(server.address, FRAMING)
            await conn.send(b"there and back")
            with await conn.receive() as message:
                self.assertEqual(bytes(message), b"there and back")
            zcnet.aio.dial(server.address, FRAMING)

        def run():
            asyncio.run(main())
            gc.collect()
            return len(os.listdir("/proc/self/fd"))

        descriptors = run()
        self.assertEqual([run() for _ in range(3)], [descriptors] * 3)
        self.assertEqual([loop() for loop in loops], [None] * 8)

    def test_what_a_handler_raises_is_reported(self):
        async def main():
            reported = []
            asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what["exception"]))

            async def wrong(conn):
                message = await conn.receive()
                message.release()
                if bytes(await conn.receive()) == b"late":
                    len(message)  # used after its release: zcnet.Invalid
                raise KeyError("on purpose")

            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, wrong) as server:
                for last in (b"late", b"other"):
                    async with await zcnet.aio.connect(server.address, FRAMING) as conn:
                        await conn.send(b"x")
                        await conn.send(last)
                        with self.assertRaises((zcnet.Eof, ConnectionError)):
                            await conn.receive()
                # What a peer does is no fault of the handler.
                async with await zcnet.aio.connect(server.address, FRAMING) as conn:
                    conn.abort()
            self.assertEqual([type(error) for error in reported], [zcnet.Invalid, KeyError])

        self.run_it(main)

    def test_an_event_that_cannot_be_handled_keeps_no_other(self):
        async def main():
            reported = []
            asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what["exception"]))
            async with await zcnet.aio.listen("tcp://127.0.0.1:0", FRAMING, echo) as server:
                conns = [await zcnet.aio.connect(server.address, FRAMING) for _ in range(2)]

                def fail(event):
                    if event.type == zcnet.EventType.MESSAGE:
                        raise MemoryError("on purpose")
                    return handle(event)

                handle, conns[0]._handle = conns[0]._handle, fail
                for conn in conns:
                    await conn.send(b"there and back")
                with await conns[1].receive() as message:
                    self.assertEqual(bytes(message), b"there and back")
                while not reported:
                    await asyncio.sleep(0.001)
                for conn in conns:
                    await conn.close()
            self.assertEqual([str(error) for error in reported], ["on purpose"])

        self.run_it(main)


if __name__ == "__main__":
    unittest.main()
