# SPDX-License-Identifier: MIT
"""Framings, pools and units."""

import ctypes
import itertools
import operator
import threading

from . import _declarations
from . import _library as c
from ._memory import Borrowed, Lender
from .errors import AGAIN, Busy, Invalid, check, check_with, taken
from .message import Message


class Handle:
    """An object of the library. Ended by close(), a `with`, or when nobody has it any more."""

    _release = None
    _handle = None

    def close(self):
        """Ends this handle now. Once more does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            type(self)._release(handle)

    @property
    def _live(self):
        if self._handle is None:
            raise Invalid(-6, f"the {type(self).__name__} was closed")
        return self._handle

    def __enter__(self):
        self._live
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        handle, self._handle = self._handle, None
        if handle is not None:
            type(self)._release(handle)


_measures = []  # connections may use one when its Framing is long gone
measuring = set()  # the threads on which such a function runs
_interrupts = []  # what ended one that is no error, such as KeyboardInterrupt


def refuse_measuring():
    """For the calls that must not be made in the middle of a call that measures."""
    if threading.get_ident() in measuring:
        raise Busy(-5, "a function that measures frames must not use loops, connections and streams")


def raise_interrupt():
    """Nothing that a measuring function raises passes through C: what interrupts the program is raised behind it."""
    if _interrupts:
        error = _interrupts[0]
        _interrupts.clear()
        raise error


class _Measuring:
    """A function that measures frames, as C calls it."""

    def __init__(self, measure):
        self.measure, self.failure = measure, None

    def __call__(self, _context, address, size, out):
        thread = threading.get_ident()
        outermost = thread not in measuring
        try:
            measuring.add(thread)
            frame = operator.index(self.measure(ctypes.string_at(address, size)))
            if frame < 0:
                raise ValueError("a frame has a negative size")
        except BaseException as error:
            self.failure = error
            if not isinstance(error, Exception):
                _interrupts.append(error)
            return _declarations.STATUSES["EFRAME_MEASURE"]
        finally:
            if outermost:
                measuring.discard(thread)
        ctypes.c_uint64.from_address(out).value = frame
        return 0 if frame else AGAIN


class Framing(Handle):
    """Where messages begin and end, from a text such as "length,width=4,strip=4,max=1M"."""

    _release = c.zcn_framing_release
    _measuring = None

    def __init__(self, text):
        handle, error = ctypes.c_void_p(), c.sized("zcn_error")
        check_with(c.zcn_framing_parse(ctypes.byref(handle), text.encode(), ctypes.byref(error)), error)
        self._handle = handle.value

    @classmethod
    def measured(cls, measure, **options):
        """A framing whose frames a function measures, where no text fits; what is sent with it is sent as it is. The
        function is given a copy of bytes that begin with a frame, and gives the size of the whole frame, or 0 while it
        cannot be told. What it raises ends the connection with a FrameError, and is the framing's `failure`; a
        KeyboardInterrupt is raised again by the next poll. It must not use loops, connections and streams. Options are max
        and strip. The function is kept for the life of the process: make such a framing once.
        """
        framing, handle, error = cls.__new__(cls), ctypes.c_void_p(), c.sized("zcn_error")
        framing._measuring = _Measuring(measure)
        function = c.MEASURE_FUNCTION(framing._measuring)
        chosen = c.options("framing", dict(options, kind=_declarations.FRAMINGS["CUSTOM"], measure=function))
        check_with(c.zcn_framing_create(ctypes.byref(handle), ctypes.byref(chosen), ctypes.byref(error)), error)
        _measures.append(function)
        framing._handle = handle.value
        return framing

    @property
    def failure(self):
        """What the function of measured() raised last; None: nothing."""
        return self._measuring and self._measuring.failure

    def __str__(self):
        size = ctypes.c_size_t()
        c.zcn_framing_text(self._live, None, 0, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value + 1)
        check(c.zcn_framing_text(self._live, buffer, len(buffer), None))
        return buffer.value.decode()

    def __repr__(self):
        return f"zcnet.Framing({str(self)!r})" if self._handle else "<zcnet.Framing, closed>"

    def overhead(self, size):
        """Bytes before and after a body of that size."""
        head, tail = ctypes.c_uint64(), ctypes.c_uint64()
        check(c.zcn_framing_overhead(self._live, size, ctypes.byref(head), ctypes.byref(tail)))
        return head.value, tail.value

    def measure(self, data):
        """Size of the frame at the start of some bytes, and what of it is hidden at its ends; None: too few to tell."""
        size, head, tail = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_uint64()
        with Borrowed(data) as known:
            status = c.zcn_framing_measure(
                self._live, known.address, known.size, ctypes.byref(size), ctypes.byref(head), ctypes.byref(tail)
            )
        raise_interrupt()
        return (size.value, head.value, tail.value) if taken(status) else None


class Pool(Handle):
    """Where the memory of messages and units comes from. Options are the fields of zcn_pool_options."""

    _release = c.zcn_pool_release

    def __init__(self, **options):
        handle, chosen = ctypes.c_void_p(), c.options("pool", options)
        check(c.zcn_pool_create(ctypes.byref(handle), ctypes.byref(chosen)))
        self._handle = handle.value

    @classmethod
    def process(cls):
        """The pool of the process: what is used where no pool is named."""
        pool, handle = cls.__new__(cls), ctypes.c_void_p()
        check(c.zcn_pool_default(ctypes.byref(handle)))
        pool._handle = handle.value
        return pool

    def stats(self):
        """Gauges and counters by name."""
        return c.counters(c.zcn_pool_get_stats, self._live, "zcn_pool_stats")

    def dump(self, file):
        """Writes who holds what of it to a file object or descriptor, as lines of text for people."""
        check(c.zcn_pool_dump(self._live, file if isinstance(file, int) else file.fileno()))

    def shared(self):
        """The memory file of a pool with the option shared_bytes, and its size: a descriptor that stays the pool's, for
        another process to map.
        """
        fd, size = ctypes.c_int(), ctypes.c_uint64()
        check(c.zcn_pool_get_shared(self._live, ctypes.byref(fd), ctypes.byref(size)))
        return fd.value, size.value

    def offset(self, data):
        """Where bytes lie in that file: those of a message's data, or of a unit's body."""
        offset = ctypes.c_uint64()
        with Borrowed(data) as given:
            check(c.zcn_pool_get_offset(self._live, given.address, given.size, ctypes.byref(offset)))
        return offset.value

    def trim(self):
        """Gives free memory back to the system; how many bytes."""
        freed = ctypes.c_uint64()
        check(c.zcn_pool_trim(self._live, ctypes.byref(freed)))
        return freed.value


_lent = {}  # number: Borrowed, for as long as the library has the memory
_numbers = itertools.count(1)


@c.RELEASE_FUNCTION
def _came_back(number, _data, _size):
    _lent.pop(number).release()


class Unit(Handle):
    """What is sent as one message. Sending takes it, and leaves it closed; a send that says False has not taken it.

    Unit(framing, size) has memory of the library to write the message into: `body`. Unit() has none yet, and gets its
    segments by append() and its like.
    """

    _release = c.zcn_unit_release
    _lender = None
    _sealed = False

    def __init__(self, framing=None, size=None, pool=None):
        handle, address = ctypes.c_void_p(), ctypes.c_void_p()
        pool = pool and pool._live
        if size is None:
            check(c.zcn_unit_create(ctypes.byref(handle), pool))
        else:
            framing = framing and framing._live
            check(c.zcn_unit_alloc(ctypes.byref(handle), ctypes.byref(address), pool, framing, size))
            self._lender = Lender(address.value, size, readonly=False)
        self._handle = handle.value

    def __len__(self):
        return c.zcn_unit_size(self._live)

    def __bool__(self):
        return True

    @property
    def body(self):
        """A memoryview to write the message into, until it is sent, sealed or closed."""
        self._live
        if self._lender is None:
            raise Invalid(-1, "the unit has no memory to write into: it was made without a size, or sealed")
        return self._lender.view()

    def append_copy(self, data):
        """Appends a copy of some bytes."""
        with Borrowed(data) as given:
            check(c.zcn_unit_append_copy(self._live, given.address, given.size))
        return self

    def append(self, data):
        """Appends bytes, a bytearray, an array … without a copy: it must not be changed before they have left. Of a
        received Message the body is appended.
        """
        if isinstance(data, Message):
            check(c.zcn_unit_append_msg(self._live, data._shared))
            return self
        self._live
        given = Borrowed(data)
        self._lend(given, given.size)
        return self

    def _lend(self, given, size):
        """Appends the first bytes of what is given back when the unit ends."""
        number = next(_numbers)
        _lent[number] = given
        status = c.zcn_unit_append_ref(self._handle, given.address, size, _came_back, number)
        if status:
            _lent.pop(number).release()
        check(status)

    def append_frame(self, message):
        """Appends the whole frame of a received Message, its header included."""
        check(c.zcn_unit_append_frame(self._live, message._shared))
        return self

    def set_prefix(self, data):
        """The bytes that a framing with an offset has before its length field."""
        with Borrowed(data) as given:
            check(c.zcn_unit_set_prefix(self._live, given.address, given.size))

    def append_pages(self, data):
        """Appends constant memory, which local sockets take as it is, without a copy (vmsplice): a mapping of a file made
        with mmap.ACCESS_READ, say. Nothing tells when the receiver is done with it, not even its answer: DO NOT CHANGE THE
        FILE, ever, or what is read changes too. Memory that this process can write to raises SystemFailure. Make such a
        unit once, and send it often.
        """
        handle, given = self._live, Borrowed(data)
        # What the unit holds beside the pages: the mapping, which cannot be closed before the unit has ended.
        self._lend(given, 0)
        check(c.zcn_unit_append_pages(handle, given.address, given.size))
        return self

    def append_file(self, file, offset=0, size=None):
        """Appends a range of a File, or all from the offset on: it leaves without passing through Python's memory."""
        size = len(file) - offset if size is None else size
        check(c.zcn_unit_append_file(self._live, file._live, offset, size))
        return self

    def truncate(self, size):
        """Drops bytes at the end of the body."""
        handle = self._live
        self._end_body()
        check(c.zcn_unit_truncate(handle, size))
        if self._lender is not None:
            self._lender = Lender(self._lender._address, min(size, self._lender._size), readonly=False)

    def set_token(self, token):
        """Asks for a SENT event with this number."""
        check(c.zcn_unit_set_token(self._live, token))

    def seal(self, framing):
        """Writes the header: from here on no byte changes, and retain() gives more references to be sent elsewhere."""
        self._end_body()
        check(c.zcn_unit_seal(self._live, framing._live))
        self._lender, self._sealed = None, True

    def retain(self):
        """Another reference of a sealed unit."""
        handle = self._live
        if not self._sealed:
            raise Invalid(-1, "the unit is not sealed: what is written to it would change what the other reference sent")
        other = Unit.__new__(Unit)
        other._handle, other._sealed = c.zcn_unit_retain(handle), True
        return other

    def close(self):
        """Ends it without sending."""
        if self._handle is not None:
            self._end_body()
        super().close()

    def __del__(self):
        handle, self._handle = self._handle, None
        if handle is None:
            return
        if self._lender is None:
            Unit._release(handle)
        else:
            self._lender.when_unused(Unit._release, handle)

    def _end_body(self):
        if self._lender is not None and not self._lender.withdraw():
            raise BufferError("views of the unit's body are in use")

    def _sent_by(self, function, conn):
        return self._taken_by(lambda handle: function(conn, handle))

    def _taken_by(self, call):
        """Offers it to a call that consumes it on ZCN_OK."""
        handle = self._live
        self._end_body()
        if not taken(call(handle)):
            return False
        self._handle = self._lender = None
        return True
