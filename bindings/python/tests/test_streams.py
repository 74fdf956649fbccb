# SPDX-License-Identifier: MIT
"""Streams: framing and queues for programs that read and write by themselves."""

import socket
import unittest

import zcnet
from support import FRAMING, TestCase, frames

EventType = zcnet.EventType


class Streams(TestCase):
    def test_over_sockets(self):
        left, right = socket.socketpair()
        with left, right, zcnet.Stream(FRAMING) as stream, zcnet.Stream(FRAMING) as other:
            left.settimeout(60)
            right.settimeout(60)
            for number in range(100):
                self.assertTrue(stream.send(b"%d" % number))
            self.assertTrue(stream.send(zcnet.Unit().append(b"unit")))
            self.assertTrue(stream.flush(left.sendmsg))
            got = []
            while len(got) < 101:
                for event in other.feed(right.recv(7)):
                    got.append(bytes(event.message))
                    self.assertTrue(other.send(event.message))
            self.assertEqual(got, [b"%d" % number for number in range(100)] + [b"unit"])
            self.assertTrue(other.flush(lambda views: right.send(views[0])))
            self.assertEqual(other.stats()["messages_out"], 101)
            (event,) = other.end()
            self.assertIsInstance(event.error, EOFError)
            self.assertIsInstance(other.error, EOFError)

    def test_views_of_what_is_written_are_not_kept(self):
        kept = []
        with zcnet.Stream(FRAMING) as stream:
            stream.send(b"body")
            self.assertRaises(BufferError, stream.flush, lambda views: kept.append(views[0][:1]) or 8)
            self.assertFalse(stream.flush(lambda views: None))
            kept.clear()
            self.assertTrue(stream.flush(lambda views: sum(map(len, views))))

    def test_framings_change(self):
        lines = zcnet.Framing("delimiter=\\n,strip=1,max=1K")
        with zcnet.Stream(FRAMING) as stream:
            got = []
            for event in stream.feed(frames(b"one", b"two") + b"line\nanother\n"):
                got.append(bytes(event.message))
                if got[-1] == b"two":
                    stream.set_framing(lines, event.message)
            self.assertEqual(got, [b"one", b"two", b"line", b"another"])
            stream.set_framing(FRAMING)
            self.assertEqual([bytes(event.message) for event in stream.feed(frames(b"three"))], [b"three"])
            stream.set_send_framing(lines)
            self.assertTrue(stream.send(b"sent"))
            written = []
            stream.flush(lambda views: written.extend(map(bytes, views)) or sum(map(len, views)))
            self.assertEqual(b"".join(written), b"sent\n")

    def test_messages_within_messages(self):
        """A stream in the messages of another one: nothing is copied but what lies across two of them."""
        inner = frames(b"first", b"x" * 50000, b"last")
        with zcnet.Stream(FRAMING) as outside, zcnet.Stream(FRAMING) as inside:
            for parts, least in (([inner], 0), ([inner[:20000], inner[20000:]], 20000)):
                got, before = [], inside.stats()["copied_fed"]
                for event in outside.feed(frames(*parts)):
                    for within in inside.feed(event.message):
                        got.append(bytes(within.message))
                self.assertEqual(got, [b"first", b"x" * 50000, b"last"])
                copied = inside.stats()["copied_fed"] - before
                self.assertTrue(least <= copied <= 2 * least, copied)

    def test_nothing_is_done_to_it_while_it_is_written(self):
        def write(views):
            for call in (
                stream.close, stream.poll, lambda: stream.send(b"more"), lambda: list(stream.feed(b"more")),
                lambda: stream.flush(write),
            ):
                self.assertRaises(zcnet.Busy, call)
            self.assertEqual(stream.stats()["queued_bytes"], 900004)
            self.assertIsNone(stream.error)
            written.extend(bytes(view) for view in views)
            raise KeyError("on purpose")

        written = []
        with zcnet.Pool(keep=1) as pool, zcnet.Stream(FRAMING, pool=pool) as stream:
            unit = zcnet.Unit(FRAMING, 900000, pool)
            unit.body[:] = b"Q" * 900000
            self.assertTrue(stream.send(unit))
            self.assertRaises(KeyError, stream.flush, write)
            self.assertEqual(b"".join(written)[4:], b"Q" * 900000)
            self.assertTrue(stream.flush(lambda views: sum(map(len, views))))

    def test_wrong_bytes(self):
        with zcnet.Stream(FRAMING) as stream:
            (event,) = stream.feed(b"\xff\xff\xff\xff")
            self.assertIsInstance(event.error, zcnet.FrameError)
            self.assertRaises(zcnet.Closed, list, stream.feed(frames(b"more")))
        self.assertRaises(ValueError, stream.poll)


if __name__ == "__main__":
    unittest.main()
