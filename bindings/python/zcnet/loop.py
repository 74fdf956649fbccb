# SPDX-License-Identifier: MIT
"""Loops, and what they drive: connections and listeners."""

import ctypes
import enum
import os
import select
import struct
import time

from . import _declarations
from . import _library as c
from ._memory import Borrowed
from .errors import Closed, Invalid, check, error_of, explain, taken
from .message import Message, Source
from .values import Handle, Unit

EventType = enum.IntEnum("EventType", _declarations.EVENTS)
State = enum.IntEnum("State", _declarations.STATES)
Option = enum.IntEnum("Option", _declarations.OPTIONS)
Lag = enum.IntEnum("Lag", _declarations.LAGS)

_RECORD = struct.Struct("=IiQQQQQQQ")
_TYPES = [EventType(number) for number in range(len(EventType))]
_NEVER = (1 << 63) - 1
# One kind for all arrays, which have 4096 records at most; no more of it is read than there is.
_RECORDS = ctypes.c_ubyte * (4096 * _RECORD.size)
_MESSAGE, _CLOSED = int(EventType.MESSAGE), int(EventType.CLOSED)


class Event:
    """Something that happened: `type`, and what belongs to it."""

    __slots__ = ("type", "status", "conn", "token", "size", "_source", "_message", "_data", "_user")

    def __init__(self, source, conn, fields):
        kind, self.status, _, self._user, self._message, self._data, self.size, self.token, _ = fields
        self.type = _TYPES[kind] if kind < len(_TYPES) else kind
        self.conn = conn
        self._source = source

    @property
    def message(self):
        """Of MESSAGE: borrowed until the next poll."""
        if self.type != _MESSAGE:
            raise Invalid(-1, f"a {self.type!r} has no message")
        if isinstance(self._message, int):
            self._message = Message(self._message, self._data, self.size, self._source)
        return self._message

    @property
    def listener(self):
        """Of ACCEPTED, ACCEPT_LIMITED and LISTENER_CLOSED."""
        return self._source._listeners.get(self._user)

    @property
    def error(self):
        """The status as an exception, or None: why a connection was closed, a unit not sent."""
        return error_of(self.status) if self.status else None

    def __repr__(self):
        return f"<zcnet.Event {getattr(self.type, 'name', self.type)}, {self.conn!r}>"


class Events:
    """What a poll gave, to be gone through once. It ends with the next poll."""

    def __init__(self, source, address, count, more):
        self._source, self._count, self.more = source, count, more
        self._generation = source._generation
        self._memory = _RECORDS.from_address(address) if count else None
        self._next = 0

    def __len__(self):
        return self._count - self._next

    def __iter__(self):
        return self

    def __next__(self):
        source = self._source
        while True:
            at = self._next
            if at >= self._count:
                raise StopIteration
            if self._generation != source._generation:
                raise Invalid(-6, "the events were borrowed until the next poll")
            self._next = at + 1
            fields = _RECORD.unpack_from(self._memory, at * _RECORD.size)
            if fields[0] == 0:  # blanked by a close or a change of framing
                continue
            return Event(source, source._conn_of(fields[2], fields[0]), fields)


class Conn(Handle):
    """A connection of a loop. It stays open when nobody has it: close() and abort() end it, and CLOSED tells."""

    _release = c.zcn_conn_release

    def __init__(self, loop, handle):
        self._handle = c.zcn_conn_retain(handle)
        self.loop = loop
        self.user = None  # the program's own

    def __repr__(self):
        return f"<zcnet.Conn {self.state.name.lower() if self._handle else 'ended'}>"

    def send(self, what):
        """Queues a message: a Unit, which is taken, a received Message as it stands on the wire, or a copy of bytes.

        False above the high-water mark: nothing was queued, and WRITABLE tells when to go on.
        """
        handle = self._live
        if type(what) is bytes:
            return taken(c.zcn_conn_send_copy(handle, ctypes.cast(what, ctypes.c_void_p), len(what)))
        if isinstance(what, Unit):
            return what._sent_by(c.zcn_conn_send, handle)
        if isinstance(what, Message):
            return taken(c.zcn_conn_send_msg(handle, what._live))
        with Borrowed(what) as given:
            return taken(c.zcn_conn_send_copy(handle, given.address, given.size))

    def post(self, unit):
        """Queues a unit from any thread; False as send()."""
        return unit._sent_by(c.zcn_conn_post, self._live)

    def forward(self, message):
        """Passes a message of the last poll on, as it stands: who sent it is not read while this end is behind."""
        check(c.zcn_conn_forward(self._live, message._live))

    def flush(self):
        """Writes what is queued now; False: some is left, and goes on by itself."""
        return taken(c.zcn_conn_flush(self._live))

    def close(self):
        """Sends what is queued, then closes."""
        check(c.zcn_conn_close(self._live))

    def abort(self):
        """Ends at once; the peer of a TCP connection gets a reset."""
        check(c.zcn_conn_abort(self._live))

    def shutdown(self):
        """Sends no more; receiving goes on."""
        check(c.zcn_conn_shutdown(self._live))

    def pause(self):
        """Stops reading."""
        check(c.zcn_conn_pause(self._live))

    def resume(self):
        """Reads again."""
        check(c.zcn_conn_resume(self._live))

    def set_framing(self, framing, after=None):
        """Parses with another framing after a message of the last poll, or after all that was delivered."""
        check(c.zcn_conn_set_framing(self._live, after and after._live, framing._live))

    def set_send_framing(self, framing):
        """The framing of what is sent from now on."""
        check(c.zcn_conn_set_send_framing(self._live, framing._live))

    def set_option(self, option, value):
        """Sets an Option."""
        check(c.zcn_conn_set_option(self._live, option, value))

    def get_option(self, option):
        """Reads an Option."""
        value = ctypes.c_uint64()
        check(c.zcn_conn_get_option(self._live, option, ctypes.byref(value)))
        return value.value

    @property
    def local_address(self):
        return c.text_of(c.zcn_conn_local_address, self._live)

    @property
    def peer_address(self):
        return c.text_of(c.zcn_conn_peer_address, self._live)

    @property
    def state(self):
        return State(c.zcn_conn_get_state(self._live))

    @property
    def error(self):
        """Why it ended, as an exception; None while it lives, and when it was closed by close()."""
        error = c.sized("zcn_error")
        check(c.zcn_conn_get_error(self._live, ctypes.byref(error)))
        return error_of(error.status, error.text.decode(errors="replace"), error.sys_errno) if error.status else None

    def stats(self):
        """Counters by name."""
        return c.counters(c.zcn_conn_get_stats, self._live, "zcn_stats")

    def fileno(self):
        """The descriptor, for socket options; -1 when closed."""
        return c.zcn_conn_fd(self._live)

    def __exit__(self, *_):
        self.close()


class Listener(Handle):
    """Accepts connections until close()."""

    _release = c.zcn_listener_release

    def __init__(self, handle):
        self._handle = handle

    @property
    def address(self):
        """Such as "tcp://127.0.0.1:41234"."""
        return c.text_of(c.zcn_listener_address, self._live)

    def stats(self):
        """Counters by name."""
        return c.counters(c.zcn_listener_get_stats, self._live, "zcn_listener_stats")

    def fileno(self):
        return c.zcn_listener_fd(self._live)

    def close(self):
        """Stops listening; accepted connections live on."""
        if self._handle is not None:
            check(c.zcn_listener_close(self._handle))
        super().close()


class Loop(Handle, Source):
    """An event loop. Options are the fields of zcn_loop_options, such as pool and event_capacity.

    One thread at a time uses it and its connections; wake() and Conn.post() are for the others.
    """

    _release = c.zcn_loop_release

    def __init__(self, **options):
        Source.__init__(self)
        handle, chosen = ctypes.c_void_p(), c.options("loop", options)
        check(c.zcn_loop_create(ctypes.byref(handle), ctypes.byref(chosen)))
        self._handle = handle.value
        self._conns = {}
        self._listeners = {}  # by their user values
        self._events = None
        self._ended = []
        self._ready = select.poll()
        self._ready.register(self.fileno(), select.POLLIN)
        self._out = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int32()
        self._outs = tuple(map(ctypes.byref, self._out))

    def poll(self, timeout=None):
        """What happened, after waiting up to so many seconds for the first of it; None: for ever.

        Whatever the last poll gave ends: events, borrowed messages and their views. Raises Closed when the loop was
        closed and nothing is left.
        """
        events = self._poll_now()
        end = None if timeout is None else time.monotonic() + timeout
        while not events and timeout != 0:
            # Waiting is done here rather than in the library, so that signals are handled and other threads run.
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            deadline = self.next_deadline()
            if deadline is not None and (left is None or deadline < left):
                left = deadline
            self._ready.poll(None if left is None else left * 1000)
            events = self._poll_now()
        return events

    def events(self):
        """Every event, one after the other, until the loop is closed and nothing is left."""
        while True:
            try:
                events = self.poll()
            except Closed:
                return
            yield from events

    def _poll_now(self):
        handle = self._live
        self._end_loans()
        self._forget_ended()
        address, count, more = self._out
        status = c.zcn_loop_poll(handle, 0, *self._outs)
        if status:
            self._events = None
            raise error_of(status)
        self._events = Events(self, address.value, count.value, bool(more.value))
        return self._events

    def _conn_of(self, handle, kind):
        if not handle:
            return None
        conn = self._conns.get(handle) or self._known(handle)
        if kind == _CLOSED:
            self._ended.append(handle)
        return conn

    def _known(self, handle):
        conn = self._conns[handle] = Conn(self, handle)
        return conn

    def _forget_ended(self):
        """Connections whose CLOSED was handed out are gone with the next poll, whether anybody looked at it or not."""
        events = self._events
        if events is not None:
            for at in range(events._next, events._count):
                fields = _RECORD.unpack_from(events._memory, at * _RECORD.size)
                if fields[0] == _CLOSED:
                    self._ended.append(fields[2])
        for handle in self._ended:
            self._conns.pop(handle, None)
        self._ended.clear()

    def listen(self, address, framing, conn=None, **options):
        """Listens on an address. conn has the options of accepted connections, as a dictionary."""
        accepted = c.options("conn", conn or {})
        chosen = c.options("listen", options)
        chosen.conn = ctypes.addressof(accepted)
        chosen.user = len(self._listeners) + 1
        handle = ctypes.c_void_p()
        explain(
            c.zcn_listen(ctypes.byref(handle), self._live, address.encode(), framing._live, ctypes.byref(chosen)),
            self._handle,
        )
        listener = self._listeners[chosen.user] = Listener(handle.value)
        return listener

    def connect(self, address, framing, **options):
        """Connects to an address; CONNECTED or CLOSED follows. Options are the fields of zcn_conn_options."""
        chosen, handle = c.options("conn", options), ctypes.c_void_p()
        explain(
            c.zcn_connect(ctypes.byref(handle), self._live, address.encode(), framing._live, ctypes.byref(chosen)),
            self._handle,
        )
        return self._known(handle.value)

    def adopt(self, sock, framing, **options):
        """Drives a connected stream socket: a descriptor, or a socket object, which is left without its own."""
        chosen, handle = c.options("conn", options), ctypes.c_void_p()
        # A copy of it, so that a call that fails leaves the socket as it was.
        fd = os.dup(sock if isinstance(sock, int) else sock.fileno())
        status = c.zcn_conn_adopt(ctypes.byref(handle), self._live, fd, framing._live, ctypes.byref(chosen))
        if status:
            os.close(fd)
        explain(status, self._handle)
        if isinstance(sock, int):
            os.close(sock)
        else:
            sock.close()
        return self._known(handle.value)

    def timer_set(self, token, delay):
        """One TIMER event with this number, after so many seconds. Setting it again moves it."""
        check(c.zcn_loop_timer_set(self._live, token, int(delay * 1e9)))

    def timer_cancel(self, token):
        """False when there is no such timer."""
        return taken(c.zcn_loop_timer_cancel(self._live, token))

    def wake(self):
        """Makes the present or the next poll return with WOKEN, from any thread."""
        check(c.zcn_loop_wake(self._live))

    def shutdown(self):
        """Closes every connection and listener; polls go on until they have ended, then raise Closed."""
        check(c.zcn_loop_close(self._live))

    def fileno(self):
        """For another loop: readable whenever a poll has something to do."""
        return c.zcn_loop_fd(self._live)

    def next_deadline(self):
        """Seconds until a poll is due though the descriptor is silent; None: never."""
        ns = ctypes.c_int64()
        check(c.zcn_loop_next_deadline(self._live, ctypes.byref(ns)))
        return None if ns.value == _NEVER else ns.value / 1e9

    def close(self):
        """Ends the loop now: connections that are open are aborted. Messages that were retained live on."""
        if self._handle is not None:
            self._end_loans()
            self._events = None
            super().close()
            self._conns.clear()
            self._listeners.clear()

    def __del__(self):
        if self._handle is not None:
            self.close()
