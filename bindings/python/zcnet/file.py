# SPDX-License-Identifier: MIT
"""Files as the bodies of units, sent from where they stand."""

import ctypes
import enum
import os

from . import _declarations
from . import _library as c
from .errors import check, check_with
from .values import Handle

FileMethod = enum.IntEnum("FileMethod", _declarations.FILE_METHODS)
FileFlag = enum.IntFlag("FileFlag", _declarations.FILE_FLAGS)


class File(Handle):
    """A regular file, opened for Unit.append_file(). Options are the fields of zcn_file_options, such as method.

    Units hold what they send of it: it may be closed as soon as it was appended.
    """

    _release = c.zcn_file_release

    def __init__(self, path, **options):
        handle, chosen, error = ctypes.c_void_p(), c.options("file", options), c.sized("zcn_error")
        status = c.zcn_file_open(ctypes.byref(handle), os.fsencode(path), ctypes.byref(chosen), ctypes.byref(error))
        check_with(status, error)
        self._handle = handle.value

    @classmethod
    def _of(cls, handle):
        file = cls.__new__(cls)
        file._handle = handle.value
        return file

    @classmethod
    def adopt(cls, fd, **options):
        """Of a descriptor that is open for reading, which the File owns then."""
        handle, chosen = ctypes.c_void_p(), c.options("file", options)
        check(c.zcn_file_adopt(ctypes.byref(handle), fd, ctypes.byref(chosen)))
        return cls._of(handle)

    def __len__(self):
        """Bytes that it had when it was opened."""
        return c.zcn_file_size(self._live)

    def __bool__(self):
        return True

    @property
    def mtime_ns(self):
        """When its content was changed last, as of then, in nanoseconds since 1970 began; as os.stat() has it."""
        return c.zcn_file_mtime(self._live)

    def fileno(self):
        """The descriptor, which stays the File's."""
        return c.zcn_file_fd(self._live)


class FileCache(Handle):
    """Open files by path: those that were asked for last stay open. valid is in seconds: so long what was looked at last
    is taken to be true. Options are the fields of zcn_file_options.
    """

    _release = c.zcn_file_cache_release

    def __init__(self, capacity, valid=0, **options):
        handle, chosen = ctypes.c_void_p(), c.options("file", options)
        check(c.zcn_file_cache_create(ctypes.byref(handle), capacity, int(valid * 1000), ctypes.byref(chosen)))
        self._handle = handle.value

    def open(self, path):
        """The File at a path now. It stays good when the cache lets it go."""
        handle, error = ctypes.c_void_p(), c.sized("zcn_error")
        check_with(
            c.zcn_file_cache_open(self._live, ctypes.byref(handle), os.fsencode(path), ctypes.byref(error)), error
        )
        return File._of(handle)
