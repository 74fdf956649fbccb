# SPDX-License-Identifier: MIT
"""Framings, pools, errors."""

import errno
import mmap
import tempfile
import unittest

import zcnet
from support import FRAMING, TestCase, frames


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


if __name__ == "__main__":
    unittest.main()
