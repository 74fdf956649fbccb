# SPDX-License-Identifier: MIT
"""Files as the bodies of units, and bodies that go into files."""

import errno
import os
import tempfile
import time
import unittest

import zcnet
from support import FRAMING, TestCase


class Files(TestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "file")
        self.content = bytes(range(256)) * 1200
        self.write(self.path, self.content)

    @staticmethod
    def write(path, content):
        with open(path, "wb") as file:
            file.write(content)

    def test_every_method(self):
        loop = self.loop()
        near, far = self.pair(loop)
        for method in zcnet.FileMethod:
            with zcnet.File(self.path, method=method) as file:
                unit = zcnet.Unit().append_copy(b"head").append_file(file, 1000, 250000)
            self.assertEqual(len(unit), 250004)
            self.assertTrue(near.send(unit))
            self.assertEqual(bytes(self.message(loop, far)), b"head" + self.content[1000:251000], method)
        self.assertIn("file", near.explain())

    def test_a_whole_file_and_its_rest(self):
        loop = self.loop()
        near, far = self.pair(loop)
        descriptor = os.open(self.path, os.O_RDONLY)
        file = zcnet.File.adopt(descriptor)
        self.assertEqual((len(file), file.fileno()), (len(self.content), descriptor))
        self.assertEqual(file.mtime_ns, os.stat(self.path).st_mtime_ns)
        self.assertTrue(near.send(zcnet.Unit().append_file(file)))
        self.assertEqual(bytes(self.message(loop, far)), self.content)
        self.assertTrue(near.send(zcnet.Unit().append_file(file, offset=len(self.content) - 3)))
        self.assertEqual(bytes(self.message(loop, far)), self.content[-3:])
        file.close()
        self.assertRaises(ValueError, len, file)
        with self.assertRaises(OSError):  # closed with its last unit
            end = time.monotonic() + 60
            while time.monotonic() < end:
                loop.poll(0)
                os.fstat(descriptor)

    def test_failures_say_why(self):
        with self.assertRaises(FileNotFoundError) as raised:
            zcnet.File(self.path + "-missing")
        self.assertIn("missing", str(raised.exception))
        self.assertRaises(zcnet.SystemFailure, zcnet.File, self.folder)
        self.assertRaises(TypeError, zcnet.File, self.path, mode="r")
        self.assertRaises(ValueError, zcnet.File.adopt, -1)
        os.symlink(self.path, self.path + "-link")
        self.assertRaises(PermissionError, zcnet.File, self.path + "-link", flags=zcnet.FileFlag.NO_SYMLINKS)
        with zcnet.File(self.path) as file, zcnet.Unit() as unit:
            self.assertRaises(ValueError, unit.append_file, file, len(self.content), 1)

    def test_cache(self):
        with zcnet.FileCache(4) as cache:
            first = cache.open(self.path)
            self.assertEqual(first.fileno(), cache.open(self.path).fileno())
            self.write(self.path + "-new", b"new")
            os.replace(self.path + "-new", self.path)
            self.assertEqual((len(cache.open(self.path)), len(first)), (3, len(self.content)))
            os.remove(self.path)
            self.assertRaises(FileNotFoundError, cache.open, self.path)
        self.assertRaises(ValueError, cache.open, self.path)
        self.assertEqual(len(first), len(self.content))
        first.close()
        self.assertRaises(ValueError, zcnet.FileCache, 0)


class Receiving(TestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "file")
        self.content = bytes(range(256)) * 1200

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()

    def test_large_messages_go_into_files(self):
        loop = self.loop()
        near, far = self.pair(loop, header_from=1000, high_water=1 << 20)
        for body in (b"small", self.content, self.content[:2000], b"last"):
            self.assertTrue(near.send(body))
        seen, ends = [], []
        for event in self.until(loop):
            if event.type == zcnet.EventType.FILE_RECEIVED:
                self.assertIs(event.conn, far)
                self.assertIsNone(event.error or far.file_error)
                ends.append((event.token, event.size))
            elif event.type == zcnet.EventType.MESSAGE and event.message.body_size is None:
                seen.append(bytes(event.message))
                if len(seen) == 2:
                    break
            elif event.type == zcnet.EventType.MESSAGE:
                size = event.message.body_size
                self.assertEqual(bytes(event.message), size.to_bytes(4, "big"))
                self.assertRaises(ValueError, far.receive_file, None, size + 1, event.message)
                self.assertRaises(TypeError, far.receive_file, None, size, event.message, place=3)
                if size == 2000:
                    far.receive_file(None, size, event.message, token=2)
                else:
                    with open(self.path, "xb") as file:
                        far.receive_file(file, size, event.message, offset=3, token=1, flush=zcnet.Flush.SYNC)
                self.assertRaises(zcnet.Busy, far.receive_file, None, size)
        self.assertEqual((seen, ends), ([b"small", b"last"], [(1, len(self.content)), (2, 0)]))
        self.assertEqual(self.read(), bytes(3) + self.content)

    def test_what_follows_a_message_to_the_end(self):
        loop = self.loop()
        near, far = self.pair(loop)
        for body in (b"put", b"and", b"more"):
            near.send(body)
        near.close()
        descriptors = len(os.listdir("/proc/self/fd"))
        for event in self.until(loop):
            if event.type == zcnet.EventType.MESSAGE:
                self.assertEqual(bytes(event.message), b"put")
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT)
                far.receive_file(descriptor, after=event.message)
                os.close(descriptor)
            elif event.type == zcnet.EventType.FILE_RECEIVED:
                self.assertEqual((event.error, event.size), (None, 15))
            elif event.type == zcnet.EventType.CLOSED and event.conn is far:
                break
        self.assertEqual(self.read(), b"\0\0\0\3and\0\0\0\4more")
        self.assertLess(len(os.listdir("/proc/self/fd")), descriptors)

    def test_failures_say_why(self):
        loop = self.loop()
        near, far = self.pair(loop, header_from=10)
        near.send(bytes(100))
        near.send(b"next")
        descriptors = len(os.listdir("/proc/self/fd"))
        failed = None
        for event in self.until(loop):
            if event.type == zcnet.EventType.FILE_RECEIVED:
                self.assertEqual(event.size, 0)
                failed = far.file_error
            elif event.type == zcnet.EventType.MESSAGE and event.message.body_size is None:
                self.assertEqual(bytes(event.message), b"next")
                break
            elif event.type == zcnet.EventType.MESSAGE:
                for wrong in (os.devnull, "/dev/full"):
                    with open(wrong, "rb") as file:  # nobody can write to it
                        self.assertRaises(ValueError, far.receive_file, file, 100, event.message)
                self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)
                with open("/dev/full", "wb") as file:
                    far.receive_file(file, event.message.body_size, event.message)
        self.assertIsInstance(failed, OSError)
        self.assertEqual((failed.name, failed.errno), ("ZCN_ENOSPACE", errno.ENOSPC))


if __name__ == "__main__":
    unittest.main()
