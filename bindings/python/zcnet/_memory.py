# SPDX-License-Identifier: MIT
"""Memory of the library as memoryviews, and memory of Python for the library.

A view of foreign memory must not outlive it. ctypes arrays do not count who looks at them, so it is seen by their lives:
the array that lies over the memory is held by its memoryviews alone, and is gone with the last of them.
"""

import ctypes
import weakref

_kinds = {}


def _array(address, size):
    kind = _kinds.get(size)
    if kind is None:
        if len(_kinds) >= 4096:
            _kinds.clear()
        kind = _kinds[size] = ctypes.c_ubyte * size
    return kind.from_address(address)


class Lender:
    """Some memory of the library, lent to whoever asks for a view."""

    __slots__ = ("_address", "_size", "_readonly", "_view", "_array")

    def __init__(self, address, size, readonly=True):
        self._address, self._size, self._readonly = address, size, readonly
        self._view = self._array = None

    def view(self):
        view = self._view
        if view is None:
            if self._size == 0:
                return memoryview(b"")
            # One that somebody still looks at is used again: two would have to be watched.
            array = self._array and self._array()
            if array is None:
                array = _array(self._address, self._size)
                self._array = weakref.ref(array)
            view = memoryview(array).cast("B")
            self._view = view = view.toreadonly() if self._readonly else view
        return view

    def withdraw(self):
        """Ends the view that was given out. False when it cannot be, or others that were made of it are still held."""
        view = self._view
        if view is not None:
            try:
                view.release()
            except BufferError:
                return False
            self._view = None
            del view
        return self._array is None or self._array() is None

    def when_unused(self, function, *arguments):
        """Calls the function when nobody looks at the memory any more."""
        array = self._array and self._array()
        self._view = None
        if array is None:
            function(*arguments)
        else:
            weakref.finalize(array, function, *arguments).atexit = False


class _Buffer(ctypes.Structure):
    """Py_buffer, as the stable ABI has it."""

    _fields_ = [
        ("address", ctypes.c_void_p), ("object", ctypes.py_object), ("size", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
    ]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int]
_get_buffer.restype = ctypes.c_int
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.POINTER(_Buffer)]
_release_buffer.restype = None


class Borrowed:
    """The bytes of a Python object, which cannot be resized or freed until release()."""

    __slots__ = ("_buffer", "address", "size")

    def __init__(self, value):
        self._buffer = _Buffer()
        _get_buffer(value, ctypes.byref(self._buffer), 0)  # raises by itself what is no buffer
        self.address, self.size = self._buffer.address, self._buffer.size

    def release(self):
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            _release_buffer(ctypes.byref(buffer))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()
