# SPDX-License-Identifier: MIT
"""Streams: framing and queues for programs that do their own reading and writing."""

import ctypes

from . import _library as c
from ._memory import Borrowed, Lender
from .errors import Busy, check, of_structure, taken
from .loop import Events
from .message import Message, Source
from .values import Handle, Unit, measuring, raise_interrupt, refuse_measuring

_PIECES = 16


class Stream(Handle, Source):
    """Bytes in, messages out; messages in, bytes out. Options are the fields of zcn_stream_options.

    while data := sock.recv(65536):
        for event in stream.feed(data):
            stream.send(event.message)
        stream.flush(sock.sendmsg)
    """

    _release = c.zcn_stream_release
    _writing = False

    def __init__(self, framing, pool=None, **options):
        Source.__init__(self)
        handle, chosen = ctypes.c_void_p(), c.options("stream", options)
        pool = pool and pool._live
        check(c.zcn_stream_create(ctypes.byref(handle), pool, framing._live, ctypes.byref(chosen)))
        self._handle = handle.value

    @property
    def _live(self):
        """The handle, for calls that may change what flush() shows."""
        handle = super()._live
        if measuring:
            refuse_measuring()
        if self._writing:
            raise Busy(-5, "the Stream is being written: its flush() has not returned")
        return handle

    def feed(self, data):
        """Takes bytes that were received, and gives each event that they make, while it is gone through. Of a Message the
        body is taken, where it lies.
        """
        if isinstance(data, Message):
            while not taken(c.zcn_stream_feed_msg(self._live, data._shared)):
                yield from self._drain()
            yield from self._drain()
            return
        with Borrowed(data) as given:
            at, taken_now = 0, ctypes.c_uint64()
            while at < given.size:
                status = c.zcn_stream_feed(self._live, given.address + at, given.size - at, ctypes.byref(taken_now))
                taken(status)
                at += taken_now.value
                yield from self._drain()

    def end(self):
        """The peer's side has ended: CLOSED follows the last message."""
        check(c.zcn_stream_end(self._live))
        yield from self._drain()

    def _drain(self):
        more = True
        while more:
            events = self.poll()
            more = events.more
            yield from events
        raise_interrupt()

    def poll(self):
        """What is ready. Whatever the last poll gave ends."""
        raise_interrupt()
        address, count, more = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int32()
        handle = self._live
        self._end_loans()
        check(c.zcn_stream_poll(handle, ctypes.byref(address), ctypes.byref(count), ctypes.byref(more)))
        return Events(self, address.value, count.value, bool(more.value))

    def _conn_of(self, _fields):
        return None

    def send(self, what):
        """Queues a message: a Unit, which is taken, a received Message as it stands, or a copy of bytes. False above
        the high-water mark: nothing was queued.
        """
        if isinstance(what, Message):
            return taken(c.zcn_stream_send_msg(self._live, what._shared))
        if isinstance(what, Unit):
            return what._sent_by(c.zcn_stream_send, self._live)
        unit = Unit().append_copy(what)
        return unit._sent_by(c.zcn_stream_send, self._live)

    def set_framing(self, framing, after=None):
        """Parses with another framing after a message of the last poll, or after all that was delivered."""
        check(c.zcn_stream_set_framing(self._live, after and after._live, framing._live))

    def set_send_framing(self, framing):
        """The framing of what is sent from now on."""
        check(c.zcn_stream_set_send_framing(self._live, framing._live))

    def flush(self, write):
        """Has what is queued written by a function that takes a list of memoryviews and says how many bytes it wrote,
        such as socket.sendmsg; True when all is written. It must not keep the views, and what it does to the stream
        itself raises Busy.
        """
        pieces, count = (c.Iovec * _PIECES)(), ctypes.c_size_t()
        while True:
            check(c.zcn_stream_gather(self._live, ctypes.addressof(pieces), _PIECES, ctypes.byref(count)))
            if count.value == 0:
                return True
            lenders = [Lender(piece.base, piece.size) for piece in pieces[: count.value]]
            self._writing = True
            try:
                written = write([lender.view() for lender in lenders])
            except (BlockingIOError, InterruptedError):
                written = None
            finally:
                self._writing = False
                kept = [lender for lender in lenders if not lender.withdraw()]
            if kept:
                raise BufferError("views of what is to be written were kept")
            if not written:
                return False
            check(c.zcn_stream_write_done(self._live, written))

    @property
    def error(self):
        """Why it ended, as an exception; None while it lives."""
        error = c.sized("zcn_error")
        check(c.zcn_stream_get_error(super()._live, ctypes.byref(error)))
        return of_structure(error)

    def stats(self):
        """Counters by name."""
        return c.counters(c.zcn_stream_get_stats, super()._live, "zcn_stats")

    def close(self):
        """Ends it now; messages that were retained live on."""
        if self._handle is not None:
            self._live
            self._end_loans()
            super().close()

    def __del__(self):
        if self._handle is not None:
            self.close()
