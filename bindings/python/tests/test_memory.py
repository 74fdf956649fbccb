# SPDX-License-Identifier: MIT
"""Views of messages and units: valid as long as they may be, and an error after it, never a crash."""

import array
import contextlib
import gc
import mmap
import tempfile
import threading
import unittest
import unittest.mock

import zcnet
from zcnet import values
from support import FRAMING, TestCase, frames


class Messages(TestCase):
    def messages(self, *bodies):
        stream = zcnet.Stream(FRAMING)
        self.addCleanup(stream.close)
        return stream, [event.message.retain() for event in stream.feed(frames(*bodies))]

    def release(self, messages):
        for message in messages:
            message.release()

    def test_bytes_without_a_copy(self):
        stream, messages = self.messages(b"one", b"", b"three")
        self.assertEqual([bytes(message) for message in messages], [b"one", b"", b"three"])
        self.assertEqual([len(message) for message in messages], [3, 0, 5])
        view = messages[2].data
        self.assertIs(messages[2].data, view)
        self.assertTrue(view.readonly and view.contiguous and view.format == "B")
        self.assertEqual((view[0], bytes(view[1:3]), len(messages[1].data)), (ord("t"), b"hr", 0))
        with self.assertRaises(TypeError):
            view[0] = 1
        # The second handle of the same message lies in the same place.
        with messages[2].retain() as other:
            self.assertEqual(other._lender._address, messages[2]._lender._address)
        self.assertEqual(messages[2].frame(), frames(b"three"))
        del view
        self.release(messages)

    def test_released_is_an_error(self):
        _, (message,) = self.messages(b"body")
        view = message.data
        message.release()
        message.release()
        for use in (lambda: view[0], lambda: bytes(view), lambda: message.data, lambda: bytes(message),
                    lambda: len(message), message.retain, message.frame, lambda: message.slice(0, 1)):
            self.assertRaises(ValueError, use)
        self.assertIn("ended", repr(message))

    def test_released_between_two_steps_of_another_thread(self):
        class Between(type(self.messages(b"")[1][0]._lender)):
            def view(self):
                message.release()  # right before there is a view
                return super().view()

            def withdraw(self):
                withdrawn = super().withdraw()
                test.assertRaises(ValueError, getattr, message, "data")  # right after there is none any more
                return withdrawn

        test = self
        for use in (lambda: message.data, lambda: bytes(message), lambda: message.release()):
            _, (message,) = self.messages(b"body")
            message._lender = Between(message._lender._address, message._lender._size)
            with contextlib.suppress(ValueError):
                use()
                self.assertEqual(use(), None)
            self.assertRaises(ValueError, len, message)

    def test_a_view_that_is_held_keeps_its_message(self):
        _, (message,) = self.messages(b"a body of bytes")
        part = message.data[2:6]
        self.assertRaises(BufferError, message.release)
        self.assertEqual((bytes(part), bytes(message.data)), (b"body", b"a body of bytes"))
        packed = array.array("B", b"xxxx")
        packed[:] = array.array("B", part)
        part.release()
        message.release()
        self.assertEqual(packed.tobytes(), b"body")

    def test_a_buffer_of_somebody_else_keeps_its_message(self):
        _, (message,) = self.messages(b"12345678")
        import ctypes

        held = (ctypes.c_char * 8).from_buffer_copy(message.data)
        self.assertEqual(held.raw, b"12345678")
        import pickle

        buffer = pickle.PickleBuffer(message.data)  # counts as an export of the view itself
        self.assertRaises(BufferError, message.release)
        buffer.release()
        message.release()

    def test_views_outlive_what_nobody_has(self):
        stream, messages = self.messages(b"x" * 100000)
        view = messages.pop().data
        stream.close()
        gc.collect()
        again = view[99999:]
        del view
        gc.collect()
        self.assertEqual(bytes(again), b"x")
        with zcnet.Pool.process() as pool:
            self.assertEqual(pool.stats()["views"], self.views_before + 1)

    def test_on_another_thread(self):
        _, messages = self.messages(*[b"%d" % number for number in range(1000)])
        found = []

        def work(part):
            for message in part:
                with message:
                    found.append(bytes(message.data))

        threads = [threading.Thread(target=work, args=(messages[at::4],)) for at in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(map(int, found)), list(range(1000)))

    def test_borrowed_until_the_next_poll(self):
        stream = zcnet.Stream(FRAMING)
        self.addCleanup(stream.close)
        (event,) = stream.feed(frames(b"borrowed"))
        message, view = event.message, event.message.data
        part = view[:3]
        self.assertTrue(message.borrowed)
        self.assertRaises(ValueError, message.release)
        events = stream.poll()
        self.assertEqual(bytes(part), b"bor")  # somebody looks at it, so it is there
        for use in (lambda: view[0], lambda: message.data, message.retain, lambda: bytes(message)):
            self.assertRaises(ValueError, use)
        stream.poll()
        self.assertEqual(list(events), [])
        list(stream.feed(frames(b"a", b"b")))
        stream.close()
        self.assertEqual(bytes(part), b"bor")

    def test_old_events_are_an_error(self):
        stream = zcnet.Stream(FRAMING)
        self.addCleanup(stream.close)
        generator = stream.feed(frames(b"a", b"b", b"c"))
        next(generator)
        stream.poll()
        self.assertRaises(ValueError, next, generator)

    def test_an_event_that_is_kept_gives_no_message_after_its_poll(self):
        loop = self.loop()
        near, far = self.pair(loop)
        near.send(b"of a loop")
        of_loop = next(event for event in self.until(loop) if event.type == zcnet.EventType.MESSAGE)
        loop.poll(0)
        stream = zcnet.Stream(FRAMING)
        looked_at, asked_late, of_closed = stream.feed(frames(b"looked at", b"asked late", b"of a stream"))
        message = looked_at.message
        with self.subTest("closed"):
            stream.close()
            self.assertRaises(ValueError, lambda: of_closed.message)
        for event in (of_loop, asked_late):
            with self.subTest(event=event):
                with self.assertRaises(ValueError) as raised:
                    event.message
                self.assertEqual(raised.exception.name, "ZCN_ESTALE")
        self.assertRaises(ValueError, bytes, looked_at.message)
        self.assertRaises(ValueError, bytes, message)

    def test_parts_and_copies(self):
        _, (message,) = self.messages(b"0123456789")
        with message.slice(2, 5) as part, message.detach() as copy:
            self.assertEqual((bytes(part), bytes(copy)), (b"234", b"0123456789"))
            self.assertNotEqual(copy._lender._address, message._lender._address)
            self.assertRaises(zcnet.SystemFailure, part.frame)
            for wrong in ((3, 2), (-1, 2), (0, 11)):
                self.assertRaises(ValueError, message.slice, *wrong)
        message.release()

    def test_what_keeps_too_much_becomes_a_copy(self):
        with zcnet.Pool(detach_ratio=10) as pool:
            stream = zcnet.Stream(FRAMING, pool)
            bodies = [b"one" * 100, b"two" * 100, b"three" * 100]
            messages = [event.message.retain() for event in stream.feed(frames(*bodies))]
            before = [message._lender._address for message in messages]
            part = messages[1].data[1:]
            self.assertEqual(zcnet.settle(messages), 2)  # of the other one somebody holds a view
            self.assertEqual([bytes(message) for message in messages], bodies)
            after = [message._lender._address for message in messages]
            self.assertEqual([old == new for old, new in zip(before, after)], [False, True, False])
            part.release()
            self.assertEqual(zcnet.settle(messages), 1)
            self.assertEqual(zcnet.settle(messages), 0)
            self.assertEqual(pool.stats()["copied_bytes"], 3 * 4 + 1100)
            self.assertEqual((bytes(messages[1].data), zcnet.settle([])), (bodies[1], 0))
            (event,) = stream.feed(frames(b"borrowed"))
            self.assertRaises(ValueError, zcnet.settle, [event.message])
            stream.close()
            self.release(messages)
            self.assertRaises(ValueError, zcnet.settle, messages)

    def test_what_is_settled_twice_is_copied_once(self):
        with zcnet.Pool(detach_ratio=10) as pool:
            stream = zcnet.Stream(FRAMING, pool)
            (message,) = [event.message.retain() for event in stream.feed(frames(b"one"))]
            self.assertEqual(zcnet.settle(iter([message, message])), 1)
            self.assertEqual((bytes(message), len(message.data)), (b"one", 3))
            stream.close()
            message.release()
            self.assertEqual(pool.stats()["views"], 0)

    def test_a_release_function_that_raises_is_reported(self):
        class Wrong:
            def release(self):
                raise RuntimeError("on purpose")

        unit = zcnet.Unit().append(b"lent")
        number = max(values._lent)
        values._lent[number].release()
        values._lent[number] = Wrong()
        with unittest.mock.patch("sys.unraisablehook") as hook:
            unit.close()
        self.assertIn("on purpose", str(hook.call_args.args[0].exc_value))

    def test_writing(self):
        stream, (message,) = self.messages(b"lower")
        stream.poll()
        other = message.retain()
        view = message.make_writable()
        view[:] = b"UPPER"
        self.assertEqual((bytes(message), bytes(other)), (b"UPPER", b"lower"))
        half = view[:2]
        self.assertRaises(BufferError, message.make_writable)
        half.release()
        del view
        message.release()
        other.release()

    def test_what_others_have_too_is_written_no_more(self):
        sender = zcnet.Stream(FRAMING)
        for share in (
            lambda message: message.retain().release(),
            lambda message: message.slice(0, 2).release(),
            lambda message: zcnet.Message.join([message]).release(),
            lambda message: zcnet.Unit().append(message).close(),
            sender.send,
        ):
            stream, (message,) = self.messages(b"lower")
            stream.poll()
            view = message.make_writable()
            view[:] = b"UPPER"
            read = message.data
            self.assertTrue(read.readonly)
            half = view[:2]
            self.assertRaises(BufferError, share, message)
            self.assertRaises(BufferError, message.release)
            half[:] = b"up"
            half.release()
            share(message)
            with self.assertRaises(ValueError):
                view[0] = 0
            self.assertEqual(bytes(read), b"upPER")
            del read
            message.release()
        sender.close()

    def test_writable_bytes_live_as_long_as_their_views(self):
        stream, (message,) = self.messages(b"lower")
        stream.poll()
        view = message.make_writable()
        del message, stream
        gc.collect()
        view[:] = b"UPPER"
        self.assertEqual(bytes(view), b"UPPER")


class Units(TestCase):
    def test_body(self):
        loop = self.loop()
        near, far = self.pair(loop)
        unit = zcnet.Unit(FRAMING, 5)
        unit.body[:] = b"hello"
        part = unit.body[1:]
        self.assertRaises(BufferError, near.send, unit)  # it would be written after it is sealed
        part.release()
        view = unit.body
        self.assertTrue(near.send(unit))
        self.assertRaises(ValueError, lambda: view[0])
        for use in (lambda: unit.body, lambda: len(unit), lambda: near.send(unit), lambda: unit.append(b"x")):
            self.assertRaises(ValueError, use)
        self.assertEqual(bytes(self.message(loop, far)), b"hello")

    def test_only_sealed_ones_are_shared(self):
        unit = zcnet.Unit(FRAMING, 5)
        self.assertRaises(ValueError, unit.retain)
        unit.body[:] = b"hello"
        unit.seal(FRAMING)
        with unit.retain() as other, other.retain() as third:
            self.assertEqual(len(third), 5)
        unit.close()

    def test_unsent_bodies_live_as_long_as_their_views(self):
        view = zcnet.Unit(FRAMING, 10).body
        gc.collect()
        view[:] = b"0123456789"
        self.assertEqual(bytes(view), b"0123456789")
        with zcnet.Unit(FRAMING, 4) as unit:
            unit.body[:2] = b"ab"
            unit.truncate(2)
            self.assertEqual((bytes(unit.body), len(unit)), (b"ab", 2))
            unit.seal(FRAMING)
            self.assertRaises(ValueError, lambda: unit.body)

    def test_python_memory_without_a_copy(self):
        loop = self.loop()
        near, far = self.pair(loop)
        memory = bytearray(b"not copied")
        unit = zcnet.Unit().append(memory).append(b" and constant").append_copy(b" and copied")
        self.assertRaises(BufferError, memory.extend, b"x")  # it is lent
        unit.set_token(5)
        self.assertTrue(near.send(unit))
        got = sent = None
        for event in self.until(loop):
            if event.type == zcnet.EventType.MESSAGE:
                got = bytes(event.message)
            elif event.type == zcnet.EventType.SENT:
                sent = event.token
            if got and sent:
                break
        self.assertEqual((got, sent), (b"not copied and constant and copied", 5))
        memory.extend(b"x")  # and came back
        with zcnet.Unit().append(memory):
            self.assertRaises(BufferError, memory.clear)
        memory.clear()
        self.assertRaises(TypeError, zcnet.Unit().append, "text")

    def test_constant_pages(self):
        content = bytes(range(256)) * 1000
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        unit = zcnet.Unit().append_copy(b"head ").append_pages(mapping)
        self.assertRaises(BufferError, mapping.close)  # the unit holds it
        loop = self.loop()
        near, far = self.pair(loop)
        unit.seal(FRAMING)
        for _ in range(2):
            self.assertTrue(near.send(unit.retain()))
            self.assertEqual(bytes(self.message(loop, far)), b"head " + content)
        self.assertEqual(near.stats()["pages_lent"], 2 * len(content))
        unit.close()
        loop.poll(0)
        mapping.close()
        with zcnet.Unit() as unit:
            self.assertRaises(zcnet.SystemFailure, unit.append_pages, bytearray(100))

    def test_messages_as_segments(self):
        loop = self.loop()
        near, far = self.pair(loop)
        near.send(b"there")
        message = self.message(loop, far)
        self.assertTrue(far.send(zcnet.Unit().append_copy(b"back from ").append(message)))
        self.assertEqual(bytes(self.message(loop, near)), b"back from there")

    def test_whole_frames_and_what_stands_before_them(self):
        loop = self.loop()
        near, far = self.pair(loop)
        near.send(b"one")
        unit = zcnet.Unit().append_frame(self.message(loop, far)).append_copy(b"more")
        self.assertTrue(far.send(unit))
        self.assertEqual(self.bodies(loop, near, 1), [b"\0\0\0\3onemore"])
        typed = zcnet.Framing("length,offset=2,width=4,max=1K")
        near.set_send_framing(typed)
        far.set_framing(typed)
        unit = zcnet.Unit().append_copy(b"body")
        unit.set_prefix(b"TY")
        self.assertTrue(near.send(unit))
        self.assertEqual(self.bodies(loop, far, 1), [b"TY\0\0\0\4body"])
        self.assertRaises(ValueError, zcnet.Unit().set_prefix, bytes(257))

    def test_references(self):
        loop = self.loop()
        near, far = self.pair(loop)
        with zcnet.Unit().append(b"to both") as unit:
            unit.seal(FRAMING)
            self.assertTrue(near.send(unit.retain()) and far.send(unit.retain()))
        found = set()
        for event in self.until(loop):
            if event.type == zcnet.EventType.MESSAGE and bytes(event.message) == b"to both":
                found.add(event.conn)
            if len(found) == 2:
                break


if __name__ == "__main__":
    unittest.main()
