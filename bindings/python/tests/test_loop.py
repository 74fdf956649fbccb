# SPDX-License-Identifier: MIT
"""Loops, listeners and connections."""

import contextlib
import errno
import os
import resource
import signal
import socket
import tempfile
import threading
import time
import unittest

import zcnet
from support import FRAMING, TestCase

EventType = zcnet.EventType


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

    def test_accepting_pauses_without_descriptors(self):
        loop = self.loop()
        listener = loop.listen("tcp://127.0.0.1:0", FRAMING)
        host, port = listener.address.removeprefix("tcp://").split(":")
        for _ in range(6):  # the first of them are sent away
            self.addCleanup(socket.create_connection((host, int(port)), 60).close)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))  # those below it are in use
        try:
            limited = next(event for event in self.until(loop) if event.type == EventType.ACCEPT_LIMITED)
            why = limited.error
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertIs(limited.listener, listener)
        self.assertIsInstance(why, zcnet.SystemFailure)
        self.assertEqual((why.errno, why.name), (errno.EMFILE, "ZCN_ESYS"))
        self.assertIn(os.strerror(errno.EMFILE), str(why))
        next(event for event in self.until(loop) if event.type == EventType.ACCEPTED)  # it goes on by itself

    def test_accepting_pauses_at_the_limit(self):
        loop = self.loop()
        listener = loop.listen("tcp://127.0.0.1:0", FRAMING, max_connections=1)
        for _ in range(2):
            loop.connect(listener.address, FRAMING)
        limited = next(event for event in self.until(loop) if event.type == EventType.ACCEPT_LIMITED)
        self.assertEqual((limited.error.errno, limited.error.name), (errno.ENOBUFS, "ZCN_ENOBUFS"))

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
