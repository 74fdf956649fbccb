# SPDX-License-Identifier: MIT
"""Framings whose frames a function measures."""

import gc
import socket
import unittest

import zcnet
from support import FRAMING, TestCase

EventType = zcnet.EventType


class MeasuringFunctions(TestCase):
    def test_what_it_says(self):
        def measure(data):
            if data[:1] == b"!":
                raise KeyError("on purpose")
            return -1 if data[:1] == b"-" else "no number" if data[:1] == b"?" else data[0] if len(data) > 1 else 0

        framing = zcnet.Framing.measured(measure, max=100, strip=1)
        self.assertIsNone(framing.failure)
        self.assertIsNone(FRAMING.failure)
        self.assertEqual(framing.measure(b"\x05four"), (5, 1, 0))
        self.assertIsNone(framing.measure(b"\x05"))
        for wire, kind in ((b"!x", KeyError), (b"-x", ValueError), (b"?x", TypeError)):
            with zcnet.Stream(framing) as stream:
                first, last = [(event.type, event.error or bytes(event.message)) for event in stream.feed(b"\x05four" + wire)]
                self.assertEqual(first[1], b"four")
                self.assertEqual((last[0], last[1].name), (EventType.CLOSED, "ZCN_EFRAME_MEASURE"))
                self.assertIsInstance(framing.failure, kind)
        # Who receives with it needs nothing but the function.
        stream = zcnet.Stream(framing)
        del framing
        gc.collect()
        self.assertEqual([bytes(event.message) for event in stream.feed(b"\x05four\x02x")], [b"four", b"x"])
        stream.close()
        with self.assertRaises(ValueError):
            zcnet.Framing.measured(measure, strip=1 << 40)
        with self.assertRaises(TypeError):
            zcnet.Framing.measured(measure, other=1)

    def test_it_must_not_use_a_stream(self):
        for misuse in (
            lambda: stream.close(), lambda: stream.poll(), lambda: list(stream.feed(b"more")), lambda: list(stream.end()),
            lambda: stream.send(b"more"), lambda: stream.set_framing(FRAMING),
        ):

            def measure(data):
                misuse()
                return len(data)

            framing = zcnet.Framing.measured(measure)
            with zcnet.Stream(framing) as stream:
                (event,) = stream.feed(b"bytes")
                self.assertEqual(event.error.name, "ZCN_EFRAME_MEASURE")
                self.assertIsInstance(framing.failure, zcnet.Busy)

    def test_it_must_not_use_a_loop(self):
        for misuse in (
            lambda: loop.poll(0), lambda: loop.timer_set(1, 1), lambda: conn.send(b"more"), lambda: conn.take_fd(),
            lambda: conn.set_framing(FRAMING),
        ):

            def measure(data):
                misuse()
                return len(data)

            framing = zcnet.Framing.measured(measure)
            loop, conn = self.receiving(framing)
            closed = next(event for event in self.until(loop) if event.type == EventType.CLOSED)
            self.assertEqual(closed.error.name, "ZCN_EFRAME_MEASURE")
            self.assertIsInstance(framing.failure, zcnet.Busy)

    def test_it_may_end_a_connection_and_wake_a_loop(self):
        def measure(data):
            conn.abort()
            loop.wake()
            return len(data)

        loop, conn = self.receiving(zcnet.Framing.measured(measure))
        types = set()
        for event in self.until(loop):
            types.add(event.type)
            if types >= {EventType.WOKEN, EventType.CLOSED}:
                break

    def test_it_may_ask_another_framing(self):
        def measure(data):
            frame = inner.measure(data)
            with self.assertRaises(zcnet.Busy):
                stream.poll()
            return frame[0] if frame else 0

        inner = zcnet.Framing.measured(lambda data: data[0])
        with zcnet.Stream(zcnet.Framing.measured(measure)) as stream:
            self.assertEqual([bytes(event.message) for event in stream.feed(b"\2a\3bc")], [b"\2a", b"\3bc"])

    def test_an_interrupt_in_it_is_not_lost(self):
        def measure(data):
            if interrupts:
                raise interrupts.pop()
            return len(data)

        framing = zcnet.Framing.measured(measure)
        interrupts = [KeyboardInterrupt()]
        self.assertRaises(KeyboardInterrupt, framing.measure, b"x")
        interrupts = [KeyboardInterrupt()]
        with zcnet.Stream(framing) as stream:
            events = stream.feed(b"x")
            self.assertEqual(next(events).error.name, "ZCN_EFRAME_MEASURE")
            self.assertRaises(KeyboardInterrupt, next, events)
        interrupts = [KeyboardInterrupt()]
        loop, _ = self.receiving(framing)
        with self.assertRaises(KeyboardInterrupt):
            list(self.until(loop))
        # The connection ends for it: its CLOSED was handed out, or comes.
        self.assertFalse(interrupts)
        while loop.stats()["connections"]:
            loop.poll(1)

    def receiving(self, framing):
        """A loop, and its connection to which bytes are under way."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        theirs.sendall(b"bytes")
        loop = self.loop()
        return loop, loop.adopt(ours, framing)


if __name__ == "__main__":
    unittest.main()
