# SPDX-License-Identifier: MIT
"""What connections can do beyond sending and receiving; relays; joined messages."""

import os
import socket
import unittest

import zcnet
from support import FRAMING, TestCase, frames

EventType = zcnet.EventType


class Rooms(TestCase):
    """Messages that are written straight into the queue."""

    def test_many_one_after_the_other(self):
        loop = self.loop()
        near, far = self.pair(loop)
        room = near.reserve(8)
        for number in range(100):
            if room is None or len(room) < 8:
                room = near.reserve(8)
            room[:8] = number.to_bytes(8, "big")
            room = near.commit(8)
        wanted = [number.to_bytes(8, "big") for number in range(100)]
        self.assertEqual(self.bodies(loop, far, 100), wanted)
        self.assertEqual(near.stats()["copied_bytes"], 0)

    def test_they_end_with_the_next_call_and_poll(self):
        loop = self.loop()
        near, far = self.pair(loop)
        room = near.reserve(8)
        near.send(b"between")
        self.assertRaises(ValueError, room.__getitem__, 0)
        self.assertRaises(ValueError, near.commit, 8)
        room = near.reserve(8)
        part = room[2:4]
        # Memory that somebody can still write to is never used for anything else.
        self.assertRaises(BufferError, near.commit, 8)
        self.assertRaises(BufferError, near.send, b"more")
        self.assertRaises(BufferError, loop.poll, 0)
        part.release()
        loop.poll(0)
        self.assertRaises(ValueError, room.__getitem__, 0)
        self.assertRaises(zcnet.FrameError, near.reserve, 2 << 20)

    def test_above_high_water(self):
        loop = self.loop()
        near, far = self.pair(loop, high_water=65536, start_paused=1)
        while near.send(b"x" * 10000):
            pass
        self.assertIsNone(near.reserve(8))

    def test_they_end_with_the_poll_of_the_loop_that_has_the_connection_now(self):
        loop, other = self.loop(), self.loop()
        near, far = self.pair(loop)
        before = near.reserve(8)
        near.move_to(other)
        self.assertRaises(ValueError, before.__getitem__, 0)
        room = near.reserve(8)
        loop.poll(0)
        room[:4] = b"here"
        other.poll(0)
        self.assertRaises(ValueError, room.__getitem__, 0)


class Lags(TestCase):
    def lagging(self, lag):
        loop = self.loop()
        near, far = self.pair(loop, high_water=65536, start_paused=1, lag=lag)
        for number in range(200):
            self.assertTrue(near.send(number.to_bytes(10000, "big")))
            loop.poll(0)
        return loop, near, far

    def received(self, loop, far, last):
        got = []
        far.resume()
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                got.append(int.from_bytes(bytes(event.message), "big"))
                if got[-1] == last:
                    return got

    def test_the_oldest_are_dropped(self):
        loop, near, far = self.lagging(zcnet.Lag.DROP_OLDEST)
        dropped = near.stats()["messages_dropped"]
        self.assertGreater(dropped, 0)
        self.assertEqual(len(self.received(loop, far, 199)), 200 - dropped)

    def test_the_newest_are_dropped(self):
        loop, near, far = self.lagging(zcnet.Lag.DROP_NEWEST)
        dropped = near.stats()["messages_dropped"]
        self.assertGreater(dropped, 0)
        self.assertEqual(self.received(loop, far, 199 - dropped), list(range(200 - dropped)))

    def test_who_lags_is_disconnected(self):
        loop = self.loop()
        near, far = self.pair(loop, high_water=65536, start_paused=1, lag=zcnet.Lag.DISCONNECT)
        try:
            for _ in range(1000):
                near.send(b"x" * 10000)
        except zcnet.Closed:
            pass
        for event in self.until(loop):
            if event.type == EventType.CLOSED and event.conn is near:
                self.assertEqual(event.error.name, "ZCN_ELAGGED")
                break


class Conns(TestCase):
    def test_one_unit_to_many(self):
        loop = self.loop()
        pairs = [self.pair(loop) for _ in range(3)]
        pairs[1][0].abort()
        unit = zcnet.Unit().append(b"to all")
        said = zcnet.send_to_all([near for near, _ in pairs], unit)
        self.assertEqual([said[0], said[2]], [None, None])
        self.assertIsInstance(said[1], zcnet.Closed)
        self.assertRaises(ValueError, len, unit)  # taken
        got = set()
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                self.assertEqual(bytes(event.message), b"to all")
                got.add(event.conn)
                if got == {pairs[0][1], pairs[2][1]}:
                    break
        unit = zcnet.Unit().append(b"to all or nobody")
        self.assertRaises(zcnet.Closed, zcnet.send_to_all, [near for near, _ in pairs], unit, all_or_nothing=True)
        self.assertEqual(len(unit), 16)

    def test_to_another_loop_and_back(self):
        loop, other = self.loop(), self.loop()
        near, far = self.pair(loop)
        far.user = "mine"
        far.move_to(other)
        self.assertIs(far.loop, other)
        near.send(b"over there")
        near.flush()
        for event in self.until(other):
            self.assertIs(event.conn, far)
            if event.type == EventType.MESSAGE:
                self.assertEqual((bytes(event.message), far.user), (b"over there", "mine"))
                break
        loop.poll(0)
        self.assertNotIn(far, loop._conns.values())
        far.move_to(loop)
        near.send(b"back")
        self.assertEqual(bytes(self.message(loop, far)), b"back")

    def test_the_descriptor_is_given_back(self):
        loop = self.loop()
        ours, theirs = socket.socketpair()
        conn = loop.adopt(ours, FRAMING)
        with theirs:
            descriptor, rest = conn.take_fd()
            self.assertIsNone(rest)
            with socket.socket(fileno=descriptor) as again:
                again.setblocking(True)
                again.sendall(b"x")
                self.assertEqual(theirs.recv(1), b"x")
            for event in self.until(loop):
                if event.type == EventType.CLOSED:
                    self.assertIsNone(event.error)
                    break
            # With what was received and not delivered.
            ours, again = socket.socketpair()
            with again:
                again.sendall(frames(b"delivered") + b"\0\0")
                conn = loop.adopt(ours, FRAMING)
                self.assertEqual(bytes(self.message(loop, conn)), b"delivered")
                descriptor, rest = conn.take_fd()
                os.close(descriptor)
                with rest:
                    self.assertEqual(bytes(rest), b"\0\0")

    def test_zero_copy(self):
        loop = self.loop()
        listener = loop.listen("tcp://127.0.0.1:0", FRAMING)
        conn = loop.connect(listener.address, FRAMING, zero_copy_from=4096)
        body = bytes(500000)
        self.assertTrue(conn.send(zcnet.Unit().append(body)))
        for event in self.until(loop):
            if event.type == EventType.MESSAGE:
                self.assertEqual(len(event.message), len(body))
                break
        self.assertIn("zero copy: ", conn.explain())
        stats = conn.stats()
        self.assertGreater(stats["zero_copy_writes"] + stats["zero_copy_refused"], 0)
        self.assertEqual(conn.get_option(zcnet.Option.ZERO_COPY_FROM), 4096)


class Relays(TestCase):
    def ended(self, loop, relay):
        for event in self.until(loop):
            if event.type == EventType.RELAY_ENDED:
                self.assertIs(event.relay, relay)
                return event

    def test_between_sockets(self):
        loop = self.loop()
        client, inner = socket.socketpair()
        outer, server = socket.socketpair()
        copy, tap = socket.socketpair()
        with client, server, copy:
            for end in (client, server, copy):
                end.settimeout(60)
            relay = loop.relay(inner, outer, forward_framing=FRAMING)
            relay.tap(zcnet.Direction.FORWARD, tap, zcnet.Tap.END)
            self.assertEqual((inner.fileno(), outer.fileno(), tap.fileno()), (-1, -1, -1))
            client.sendall(frames(b"through"))
            client.shutdown(socket.SHUT_WR)
            server.shutdown(socket.SHUT_WR)
            event = self.ended(loop, relay)
            self.assertEqual(event.size, 11)
            self.assertIsInstance(event.error, EOFError)
            self.assertIsInstance(relay.error, EOFError)
            self.assertEqual((server.recv(100), copy.recv(100)), (frames(b"through"),) * 2)
            flow = relay.stats()["forward"]
            self.assertEqual((flow["bytes_out"], flow["messages"], flow["tapped_bytes"]), (11, 1, 11))
            loop.poll(0)
            self.assertEqual(len(loop._relays), 0)
            stats = loop.relay_stats()
            self.assertEqual((stats["open"], stats["ended"], stats["messages"]), (0, 1, flow["messages"]))
            self.assertEqual((stats["forward_bytes"], stats["tapped_bytes"]), (flow["bytes_out"], flow["tapped_bytes"]))

    def test_between_connections(self):
        loop = self.loop()
        near, far = self.pair(loop)
        relay = loop.relay(near, far, method=zcnet.RelayMethod.COPY)
        self.assertIsNone(relay.error)
        relay.abort()
        self.assertIsInstance(self.ended(loop, relay).error, ConnectionAbortedError)
        self.assertRaises(zcnet.Closed, loop.relay, near, far)

    def test_what_is_refused_stays_the_callers(self):
        loop = self.loop()
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        with ours, theirs:
            self.assertRaises(zcnet.SystemFailure, loop.relay, ours, reading)
            self.assertNotEqual(ours.fileno(), -1)
            os.close(reading)
            os.close(writing)


class Joined(TestCase):
    def test_messages_as_one(self):
        loop = self.loop()
        near, far = self.pair(loop)
        kept = []
        for body in (b"one", b"two", b"three"):
            near.send(body)
            kept.append(self.message(loop, far).retain())
        joined = zcnet.Message.join(kept)
        for message in kept:
            message.release()
        self.assertEqual((bytes(joined), len(joined)), (b"onetwothree", 11))
        self.assertEqual([bytes(part) for part in joined.parts], [b"one", b"two", b"three"])
        self.assertIn("11 bytes", repr(joined))
        with self.assertRaises(ValueError):
            joined.data
        again = zcnet.Message.join([joined])
        self.assertTrue(far.send(zcnet.Unit().append(joined)))
        joined.release()
        joined.release()
        self.assertRaises(ValueError, bytes, joined)
        with self.message(loop, near).retain() as whole:
            self.assertEqual(bytes(whole), b"onetwothree")
            self.assertEqual(bytes(whole.parts[0]), b"onetwothree")
        self.assertEqual(bytes(again.detach().data), b"onetwothree")
        self.assertRaises(zcnet.Error, again.slice, 0, 1)
        self.assertRaises(zcnet.Error, again.make_writable)
        part = again.parts[1]
        slice_of_it = part[1:]
        self.assertRaises(BufferError, again.release)
        slice_of_it.release()
        again.release()

    def test_what_cannot_be_joined(self):
        self.assertRaises(ValueError, zcnet.Message.join, [])
        loop = self.loop()
        near, far = self.pair(loop)
        near.send(b"x")
        message = self.message(loop, far)
        loop.poll(0)
        self.assertRaises(ValueError, zcnet.Message.join, [message])


if __name__ == "__main__":
    unittest.main()
