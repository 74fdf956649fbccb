# SPDX-License-Identifier: MIT
"""Loops, connections, streams, errors."""

import contextlib
import errno
import mmap
import os
import signal
import socket
import tempfile
import threading
import time
import unittest

import zcnet
from support import FRAMING, TestCase, frames

EventType = zcnet.EventType


class Values(TestCase):
    def test_framings(self):
        self.assertEqual(str(zcnet.Framing(str(FRAMING))), str(FRAMING))
        self.assertEqual(FRAMING.overhead(10), (4, 0))
        self.assertIsNone(FRAMING.measure(b"\0\0"))
        self.assertEqual(FRAMING.measure(b"\0\0\0\3"), (7, 4, 0))
        self.assertRaises(zcnet.FrameError, FRAMING.measure, b"\xff" * 4)
        self.assertRaises(zcnet.FrameError, FRAMING.overhead, 1 << 20)
        with self.assertRaises(ValueError) as raised:
            zcnet.Framing("length,width=5")
        self.assertIn("width", str(raised.exception))
        with zcnet.Framing("raw") as framing:
            pass
        framing.close()
        self.assertRaises(ValueError, str, framing)
        self.assertIn("closed", repr(framing))

    def test_pools(self):
        with zcnet.Pool(block_size=65536, limit=1 << 20) as pool:
            self.assertEqual(pool.stats()["block_size"], 65536)
            unit = zcnet.Unit(FRAMING, 100, pool=pool)
            pool.trim()
        self.assertRaises(ValueError, pool.stats)
        unit.body[:] = b"x" * 100  # lives as long as what was taken from it
        unit.close()
        self.assertRaises(ValueError, zcnet.Pool, block_size=3)
        with self.assertRaises(TypeError) as raised:
            zcnet.Pool(blocksize=3)
        self.assertIn("block_size", str(raised.exception))

    def test_a_pool_in_a_file(self):
        with zcnet.Pool(shared_bytes=4 << 20) as pool:
            fd, size = pool.shared()
            self.assertEqual(size, 4 << 20)
            with mmap.mmap(fd, size, prot=mmap.PROT_READ) as other, zcnet.Unit(FRAMING, 5, pool) as unit:
                unit.body[:] = b"there"
                at = pool.offset(unit.body)
                self.assertEqual(other[at : at + 5], b"there")
            self.assertRaises(ValueError, pool.offset, b"elsewhere")
        with zcnet.Pool() as pool:
            self.assertRaises(OSError, pool.shared)
            self.assertRaises(OSError, pool.offset, b"elsewhere")

    def test_who_holds_what(self):
        with zcnet.Pool() as pool, zcnet.Stream(FRAMING, pool=pool) as stream:
            (event,) = stream.feed(frames(b"x" * 12345))
            message = event.message.retain()
            with tempfile.TemporaryFile() as file:
                pool.dump(file)
                pool.dump(file.fileno())
                file.seek(0)
                self.assertGreaterEqual(file.read().count(b"12345"), 2)
            message.release()
            self.assertRaises(ValueError, pool.dump, -1)

    def test_errors_are_those_of_python_too(self):
        from zcnet.errors import STATUSES, error_of

        for name, kind in {
            "EREFUSED": ConnectionRefusedError, "ERESET": ConnectionResetError, "EABORTED": ConnectionAbortedError,
            "ECLOSED": BrokenPipeError, "ETIMEDOUT": TimeoutError, "EACCESS": PermissionError, "EINUSE": OSError,
            "ENOMEM": MemoryError, "EINVAL": ValueError, "ESTALE": ValueError, "EFRAME_TOO_LARGE": ValueError,
            "EOF": EOFError, "EBUSY": RuntimeError, "ENOTFOUND": FileNotFoundError,
        }.items():
            error = error_of(STATUSES[name])
            self.assertIsInstance(error, kind)
            self.assertIsInstance(error, zcnet.Error)
            self.assertEqual((error.name, error.status), ("ZCN_" + name, STATUSES[name]))
            if isinstance(error, OSError):
                self.assertIsNotNone(error.errno)
            self.assertIn(error.name, str(error))
        for status in STATUSES.values():
            self.assertTrue(str(error_of(status)))
        self.assertEqual(error_of(STATUSES["EINUSE"]).errno, errno.EADDRINUSE)


class Loops(TestCase):
    def echo_over(self, address):
        loop = self.loop()
        listener = loop.listen(address, FRAMING, conn={"high_water": 100000})
        client = loop.connect(listener.address, FRAMING)
        client.user = "mine"
        self.assertTrue(client.send(b"question"))
        accepted = None
        for event in self.until(loop):
            if event.type == EventType.ACCEPTED:
                accepted = event.conn
                self.assertIs(event.listener, listener)
                self.assertEqual(accepted.get_option(zcnet.Option.HIGH_WATER), 100000)
            elif event.type == EventType.MESSAGE and event.conn is accepted:
                accepted.forward(event.message)
            elif event.type == EventType.MESSAGE:
                self.assertEqual((bytes(event.message), event.conn.user), (b"question", "mine"))
                client.close()
            elif event.type == EventType.CLOSED and event.conn is client:
                self.assertIsNone(event.error)
                break
        self.assertEqual(client.state, zcnet.State.CLOSED)
        self.assertEqual(listener.stats()["accepted"], 1)
        self.assertEqual(client.stats()["messages_out"], 1)
        self.assertRaises(BrokenPipeError, client.send, b"late")

    def test_tcp(self):
        self.echo_over("tcp://127.0.0.1:0")

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            self.echo_over(f"unix://{folder}/socket")

    def test_failures_say_why(self):
        loop = self.loop()
        listener = loop.listen("tcp://127.0.0.1:0", FRAMING)
        with self.assertRaises(OSError) as raised:
            loop.listen(listener.address, FRAMING)
        self.assertEqual(raised.exception.errno, errno.EADDRINUSE)
        self.assertIn(listener.address, str(raised.exception))
        self.assertRaises(ValueError, loop.connect, "nowhere", FRAMING)
        self.assertRaises(TypeError, loop.connect, "tcp://127.0.0.1:1", FRAMING, colour=1)
        reading, writing = os.pipe()
        try:
            self.assertRaises(zcnet.SystemFailure, loop.adopt, reading, FRAMING)
            os.fstat(reading)  # still ours
        finally:
            os.close(reading)
            os.close(writing)
        with tempfile.TemporaryDirectory() as folder:
            conn = loop.connect(f"unix://{folder}/nobody", FRAMING)
            for event in self.until(loop):
                if event.type == EventType.CLOSED:
                    self.assertIsInstance(event.error, ConnectionRefusedError)
                    self.assertIsInstance(conn.error, ConnectionRefusedError)
                    break

    def test_back_pressure(self):
        loop = self.loop()
        near, far = self.pair(loop, high_water=65536, start_paused=1)
        sent = 0
        while near.send(b"x" * 10000):
            sent += 1
        unit = zcnet.Unit(FRAMING, 4)
        unit.body[:] = b"last"
        self.assertFalse(near.send(unit))
        self.assertEqual(len(unit), 4)  # not taken
        far.resume()
        received = 0
        for event in self.until(loop):
            if event.type == EventType.WRITABLE:
                self.assertTrue(near.send(unit))
            elif event.type == EventType.MESSAGE:
                received += 1
                if bytes(event.message) == b"last":
                    break
        self.assertEqual(received, sent + 1)

    def test_buffers_of_any_kind(self):
        loop = self.loop()
        near, far = self.pair(loop)
        for what in (b"bytes", bytearray(b"bytearray"), memoryview(b"..view..")[2:6], b"", b"\0\0"):
            self.assertTrue(near.send(what))
            self.assertEqual(bytes(self.message(loop, far)), bytes(what))
        self.assertRaises(TypeError, near.send, "text")
        self.assertRaises(TypeError, near.send, 5)
        self.assertRaises(BufferError, near.send, memoryview(b"abcdef")[::2])

    def test_other_threads_wake_and_post(self):
        loop = self.loop()
        near, far = self.pair(loop)

        def work():
            for number in range(500):
                unit = zcnet.Unit().append_copy(b"%d" % number)
                while not near.post(unit):
                    pass
            loop.wake()

        thread = threading.Thread(target=work)
        thread.start()
        got, woken = [], False
        try:
            for event in self.until(loop):
                if event.type == EventType.MESSAGE:
                    got.append(int(bytes(event.message)))
                woken = woken or event.type == EventType.WOKEN
                if woken and len(got) == 500:
                    break
        finally:
            near.abort()
            thread.join()
        self.assertEqual(got, list(range(500)))

    def test_another_thread_ends_a_connection_in_the_middle_of_a_poll(self):
        for how in ("close", "abort") * 10:
            loop = self.loop()
            near, far = self.pair(loop)
            for _ in range(100):
                far.send(b"more")
            thread = threading.Thread(target=getattr(near, how))
            thread.start()
            try:
                closed = set()
                for event in self.until(loop):
                    if event.type == EventType.MESSAGE:
                        self.assertEqual(bytes(event.message), b"more")
                    elif event.type == EventType.CLOSED:
                        closed.add(event.conn)
                        if closed == {near, far}:
                            break
            finally:
                thread.join()

    def test_timers(self):
        loop = self.loop()
        self.assertIsNone(loop.next_deadline())
        self.assertEqual(len(loop.poll(0)), 0)
        self.assertEqual(len(loop.poll(0.01)), 0)
        loop.timer_set(1, 3600)
        loop.timer_set(2, 0.001)
        self.assertLessEqual(loop.next_deadline(), 3600)
        for event in self.until(loop):
            self.assertEqual((event.type, event.token), (EventType.TIMER, 2))
            break
        self.assertTrue(loop.timer_cancel(1))
        self.assertFalse(loop.timer_cancel(1))

    def test_signals_end_a_wait(self):
        loop = self.loop()

        def interrupted(*_):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise InterruptedError("as asked")

        def wait():
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)  # again, should one come right before the wait
            loop.poll(60)

        before = signal.signal(signal.SIGALRM, interrupted)
        try:
            self.assertRaises(InterruptedError, wait)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertEqual(len(loop.poll(0)), 0)

    def test_the_end_of_a_loop(self):
        loop = zcnet.Loop()
        near, far = self.pair(loop)
        loop.shutdown()
        closed = [event.conn for event in loop.events() if event.type == EventType.CLOSED]
        self.assertEqual(set(closed), {near, far})
        self.assertRaises(zcnet.Closed, loop.poll)
        loop.close()
        loop.close()
        self.assertRaises(ValueError, loop.poll)
        self.assertRaises(ValueError, loop.wake)
        self.assertRaises(BrokenPipeError, near.send, b"x")
        with zcnet.Loop() as other:
            kept, _ = self.pair(other)
        self.assertRaises(BrokenPipeError, kept.send, b"x")

    def test_a_loop_is_closed_in_the_middle_of_a_poll(self):
        class Ready:
            """Closes the loop right before the wait, or has it closed during the wait."""

            def __init__(self, loop, close):
                self.real, self.close = loop._ready, close

            def poll(self, milliseconds):
                self.close()
                return self.real.poll(milliseconds)

        waits = threading.Event()
        for name, close in (("by itself", lambda: loop.close()), ("by another thread", waits.set)):
            with self.subTest(name):
                loop, ended = self.loop(), []
                near, _ = self.pair(loop)
                list(loop.poll(0))
                loop._ready = Ready(loop, close)

                def wait():
                    try:
                        loop.poll()
                    except zcnet.Closed:
                        ended.append(loop._handle)

                thread = threading.Thread(target=wait, daemon=True)
                thread.start()
                if close == waits.set:
                    self.assertTrue(waits.wait(60))
                    loop.close()
                thread.join(60)
                self.assertFalse(thread.is_alive())
                self.assertEqual(ended, [None])
                self.assertRaises(ValueError, loop.poll)
                self.assertRaises(BrokenPipeError, near.send, b"x")
                loop.close()

    def test_unseen_ends_are_not_kept(self):
        loop = self.loop()
        for _ in range(20):
            near, far = self.pair(loop)
            near.abort()
            for _ in range(100):
                if near.state == far.state == zcnet.State.CLOSED:
                    break
                loop.poll(1)  # nobody looks at what it gives
        loop.poll(0)
        loop.poll(0)
        self.assertEqual(len(loop._conns), 0)

    def test_a_close_hides_what_is_left(self):
        loop = self.loop()
        near, far = self.pair(loop)
        for _ in range(10):
            near.send(b"many")
        seen = 0
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                seen += 1
                far.close()
            elif event.type == EventType.CLOSED and event.conn is far:
                break
        self.assertEqual(seen, 1)

    def test_addresses_options_and_framings(self):
        loop = self.loop()
        near, far = self.pair(loop, framing=zcnet.Framing("delimiter=\\n,strip=1"))
        self.assertTrue(near.local_address.startswith("unix:") and near.peer_address.startswith("unix:"))
        self.assertGreaterEqual(near.fileno(), 0)
        near.set_option(zcnet.Option.HIGH_WATER, 1 << 20)
        self.assertEqual(near.get_option(zcnet.Option.HIGH_WATER), 1 << 20)
        near.set_send_framing(zcnet.Framing("raw"))
        near.send(b"upgrade\nabcdef")
        message = self.message(loop, far)
        self.assertEqual(bytes(message), b"upgrade")
        far.set_framing(zcnet.Framing("fixed=3"), after=message)
        self.assertEqual(bytes(self.message(loop, far)), b"abc")
        near.pause()
        near.resume()
        near.shutdown()
        self.assertRaises(zcnet.Closed, near.send, b"late")


class Memory(TestCase):
    def test_it_is_waited_for(self):
        loop = self.loop()
        with zcnet.Pool(block_size=64 << 10, limit=1 << 20) as pool:
            self.assertRaises(ValueError, loop.await_memory, pool, 2 << 20)
            units = []
            with self.assertRaises(OSError) as raised:
                while len(units) < 100:
                    units.append(zcnet.Unit(size=24 << 10, pool=pool))
            self.assertEqual(raised.exception.errno, errno.ENOBUFS)
            loop.await_memory(pool, 24 << 10, 7)
            self.assertEqual(len(loop.poll(0)), 0)
            other = threading.Thread(target=lambda: [unit.close() for unit in units])
            other.start()
            event = next(self.until(loop))
            other.join()
            self.assertEqual((event.type, event.token, event.size), (zcnet.EventType.POOL_READY, 7, 24 << 10))
            zcnet.Unit(size=24 << 10, pool=pool).close()


class Counters(TestCase):
    def test_of_a_loop(self):
        loop = self.loop()
        near, far = self.pair(loop)
        near.send(b"one")
        self.assertEqual(self.bodies(loop, far, 1), [b"one"])
        stats = loop.stats()
        self.assertEqual((stats["connections"], stats["total"]["messages_in"]), (2, 1))
        self.assertGreater(stats["polls"], 0)
        loop.close()
        self.assertRaises(ValueError, loop.stats)

    def test_they_are_told_at_a_socket(self):
        loop = self.loop()
        address = f"unix-abstract:zcnet-python-{os.getpid()}"
        listener = loop.listen_stat(address)
        self.assertEqual(listener.address, address)
        asking = socket.socket(socket.AF_UNIX)
        self.addCleanup(asking.close)
        asking.connect("\0" + address.split(":")[1])
        asking.setblocking(False)
        page, end = b"", time.monotonic() + 60
        while not page.endswith(b"\nend\n"):
            self.assertLess(time.monotonic(), end)
            self.assertEqual(len(loop.poll(0.001)), 0)
            with contextlib.suppress(BlockingIOError):
                page += asking.recv(1 << 16)
        self.assertRegex(page.decode(), r"^zcnet \d+\.\d+\.\d+\n(.*\n)*counter loop_polls \d+\n")
        listener.close()
        self.assertRaises(ValueError, loop.listen_stat, "tcp://127.0.0.1:0")


if __name__ == "__main__":
    unittest.main()
