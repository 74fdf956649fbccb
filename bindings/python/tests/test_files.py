# SPDX-License-Identifier: MIT
"""Files as the bodies of units."""

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


if __name__ == "__main__":
    unittest.main()
