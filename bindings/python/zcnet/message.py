# SPDX-License-Identifier: MIT
"""Messages: received bytes, where the kernel wrote them."""

import ctypes

from . import _library as c
from ._memory import Lender
from .errors import Invalid, check, error_of

_STALE = -6


class Message:
    """A received message.

    `data` is a memoryview of its bytes; `bytes(message)` copies them. A message of an event is borrowed: it ends with
    the next poll, and its views with it. retain() gives one that is owned: it lasts until release(), the end of a
    `with`, or until nobody has it or a view of it any more. What has ended raises ValueError. Memory that somebody still
    looks at through a slice of a view is never given back: release() raises BufferError then.
    """

    __slots__ = ("body_size", "_handle", "_source", "_generation", "_lender", "_writer", "__weakref__")

    def __init__(self, handle, address, size, source=None):
        self.body_size = None  # of a header that was delivered alone (header_from): bytes that follow
        self._handle = handle
        self._source = source
        self._generation = source._generation if source is not None else 0
        self._lender = Lender(address, size)
        self._writer = None  # lends the same bytes for writing

    @staticmethod
    def _owned(handle):
        return Message(handle, c.zcn_msg_data(handle) or 0, c.zcn_msg_size(handle))

    @property
    def _live(self):
        handle = self._handle
        source = self._source
        if source is not None and self._generation != source._generation:
            raise Invalid(_STALE, "the message was borrowed until the next poll: retain() keeps one")
        if handle is None:
            raise Invalid(_STALE, "the message was released")
        return handle

    @property
    def _shared(self):
        """The handle, for calls after which others have the bytes too: nobody writes to them any more."""
        handle = self._live
        self._end_writing()
        return handle

    @property
    def borrowed(self):
        """Whether it ends with the next poll."""
        return self._source is not None

    @property
    def data(self):
        """The bytes, as a memoryview that cannot be written."""
        self._live
        lender = self._lender
        if lender._view is None and self._source is not None:
            self._source._loans.append(self)
        view = lender.view()
        self._live  # another thread may have released it before there was a view
        return view

    def __buffer__(self, flags):  # Python 3.12 and later: memoryview(message)
        return self.data

    def __bytes__(self):
        if self._source is None:
            return bytes(self.data)
        self._live
        return ctypes.string_at(self._lender._address, self._lender._size)

    def __len__(self):
        self._live
        return self._lender._size

    def __bool__(self):
        return True

    def __repr__(self):
        try:
            self._live
        except ValueError:
            return "<zcnet.Message, ended>"
        return f"<zcnet.Message, {len(self)} bytes, {'borrowed' if self.borrowed else 'owned'}>"

    def frame(self):
        """A copy of the whole frame: header, body, delimiter."""
        address, size = ctypes.c_void_p(), ctypes.c_uint64()
        check(c.zcn_msg_frame(self._live, ctypes.byref(address), ctypes.byref(size)))
        return ctypes.string_at(address, size.value)

    def retain(self):
        """An owned message of the same bytes: nothing is copied."""
        return self._made(c.zcn_msg_retain, self._shared)

    def slice(self, start, stop):
        """An owned message of the bytes from start to stop."""
        if not 0 <= start <= stop:
            raise Invalid(-1, "start and stop are within the message, in this order")
        return self._made(c.zcn_msg_slice, self._shared, start, stop - start)

    def detach(self):
        """An owned copy, which does not hold the block that the message came in."""
        return self._made(c.zcn_msg_detach, self._live)

    @staticmethod
    def _made(function, *arguments):
        handle = ctypes.c_void_p()
        check(function(ctypes.byref(handle), *arguments))
        return Message._owned(handle.value)

    @staticmethod
    def join(messages):
        """Several messages as one, as a list of parts: no byte is copied. They stay as they are."""
        return Joined(messages)

    @property
    def parts(self):
        """The bytes as a list of memoryviews, which has more than one where messages were joined."""
        return [self.data]

    def make_writable(self):
        """Makes the bytes of an owned message writable, in place or by a copy where others share them.

        What is returned is a memoryview to write through, until the message is retained, sliced, joined, appended or
        sent, which raises BufferError while slices of that view are held; the message is read as before.
        """
        self._end_writing()
        if not self._lender.withdraw():
            raise BufferError("views of the message are in use")
        handle, address = ctypes.c_void_p(), ctypes.c_void_p()
        check(c.zcn_msg_make_writable(ctypes.byref(handle), self._live, ctypes.byref(address)))
        self._moved(handle.value)
        self._writer = Lender(address.value, c.zcn_msg_size(handle), readonly=False)
        return self._writer.view()

    def _end_writing(self):
        if self._writer is not None:
            if not self._writer.withdraw():
                raise BufferError("the view to write the message through is in use")
            self._writer = None

    def _may_move(self):
        """Whether nobody looks at its bytes. A borrowed one is an error."""
        self._live
        if self._source is not None:
            raise Invalid(-1, "the message is borrowed: retain() keeps one")
        return self._lender.withdraw() and (self._writer is None or self._writer.withdraw())

    def _moved(self, handle):
        self._handle = handle
        self._lender, self._writer = Lender(c.zcn_msg_data(handle) or 0, c.zcn_msg_size(handle)), None

    def release(self):
        """Gives the memory of an owned message back now. Once more does nothing."""
        if self._source is not None:
            raise Invalid(-1, "the message is borrowed: it ends by itself")
        if self._handle is None:
            return
        self._end_writing()
        handle, self._handle = self._handle, None  # first, so that no other thread gets a view any more
        if not self._lender.withdraw():
            self._handle = handle
            raise BufferError("views of the message are in use")
        check(c.zcn_msg_release(handle))

    def __enter__(self):
        self._live
        return self

    def __exit__(self, *_):
        if self._source is None:
            self.release()

    def __del__(self, release=c.zcn_msg_release):
        if getattr(self, "_source", self) is None and self._handle is not None:
            handle, self._handle = self._handle, None
            if self._writer is None:
                self._lender.when_unused(release, handle)
            else:
                self._writer.when_unused(self._lender.when_unused, release, handle)

    def _end_loan(self):
        """Before the next poll: views that are still looked at keep the memory."""
        if self._lender.withdraw():
            return
        handle = ctypes.c_void_p()
        status = c.zcn_msg_retain(ctypes.byref(handle), self._handle)
        if status:
            raise BufferError("views of borrowed messages are in use, and cannot be kept") from error_of(status)
        self._lender.when_unused(c.zcn_msg_release, handle.value)


class Joined(Message):
    """Several messages as one, made by Message.join(): it is read by its parts, or copied by bytes()."""

    __slots__ = ("_kept",)

    def __init__(self, messages):
        self._kept = []
        for message in messages:
            self._kept.extend(part.retain() for part in getattr(message, "_kept", [message]))
        handles = (ctypes.c_void_p * len(self._kept))(*[part._live for part in self._kept])
        handle = ctypes.c_void_p()
        self._source, self._handle = None, None
        check(c.zcn_msg_join(ctypes.byref(handle), ctypes.addressof(handles), len(handles)))
        super().__init__(handle.value, 0, 0)

    @property
    def data(self):
        raise Invalid(-1, "a joined message does not lie in one piece: it has parts")

    @property
    def parts(self):
        self._live
        return [part.data for part in self._kept]

    def __bytes__(self):
        return b"".join(self.parts)

    def __len__(self):
        return c.zcn_msg_size(self._live)

    def retain(self):
        return Joined([self])

    def release(self):
        """Gives the memory back now. Once more does nothing."""
        for part in self._kept:
            part.release()
        super().release()


def settle(messages):
    """Lets owned messages go easy on memory: each that has been held for detach_ms of its pool's options, and keeps more
    than detach_ratio times its bytes, becomes a copy; how many did. With the default options of pools none does. Messages
    whose views are in use are left out. Call it now and then over what is kept for long, in the order in which it came.
    """
    # A message that is named twice has one handle, which can be replaced only once.
    messages = dict.fromkeys(messages)
    known = [message for message in messages if not isinstance(message, Joined) and message._may_move()]
    handles = (ctypes.c_void_p * len(known))(*[message._live for message in known])
    copied = ctypes.c_size_t()
    status = c.zcn_msg_settle(ctypes.addressof(handles), len(handles), ctypes.byref(copied))
    for message, handle in zip(known, handles):
        message._moved(handle)
    check(status)
    return copied.value


class Source:
    """Who lends messages until its next poll: loops and streams."""

    def __init__(self):
        self._generation = 0
        self._loans = []

    def _end_loans(self):
        while self._loans:
            self._loans[-1]._end_loan()
            self._loans.pop()
        self._generation += 1
