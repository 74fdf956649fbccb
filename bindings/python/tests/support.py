# SPDX-License-Identifier: MIT
"""What the tests share."""

import gc
import socket
import time
import unittest

import zcnet

FRAMING = zcnet.Framing("length,width=4,strip=4,max=1M")


def frames(*bodies):
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


class TestCase(unittest.TestCase):
    """Each test leaves no message behind."""

    def setUp(self):
        gc.collect()
        with zcnet.Pool.process() as pool:
            self.views_before = pool.stats()["views"]

    def tearDown(self):
        gc.collect()
        with zcnet.Pool.process() as pool:
            self.assertEqual(pool.stats()["views"], self.views_before)

    def loop(self, **options):
        loop = zcnet.Loop(**options)
        self.addCleanup(loop.close)
        return loop

    def pair(self, loop, framing=FRAMING, **options):
        """Both ends of a connection, on one loop."""
        ends = [loop.adopt(end, framing, **options) for end in socket.socketpair()]
        connected = 0
        for event in self.until(loop):
            connected += event.type == zcnet.EventType.CONNECTED
            if connected == 2:
                return ends

    def until(self, loop, seconds=60):
        """Events, for a minute at most."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield from loop.poll(1)
        self.fail("what was waited for did not come")

    def bodies(self, loop, conn, count):
        """Copies of the next messages that a connection receives."""
        got = []
        for event in self.until(loop):
            if event.type == zcnet.EventType.MESSAGE and event.conn is conn:
                got.append(bytes(event.message))
                if len(got) == count:
                    return got

    def message(self, loop, conn):
        """The next message that a connection receives, borrowed."""
        for event in self.until(loop):
            if event.type == zcnet.EventType.MESSAGE and event.conn is conn:
                return event.message
