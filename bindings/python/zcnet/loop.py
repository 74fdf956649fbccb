# SPDX-License-Identifier: MIT
"""Loops, and the events that they hand out."""

import ctypes
import enum
import itertools
import os
import select
import struct
import threading
import time

from . import _declarations
from . import _library as c
from .conn import Conn, Dialer, Given, Listener, Relay
from .errors import Closed, Invalid, check, error_of, explain, taken
from .message import Message, Source
from .values import Handle, measuring, raise_interrupt, refuse_measuring

EventType = enum.IntEnum("EventType", _declarations.EVENTS)

_RECORD = struct.Struct("=IiQQQQQQQ")
_TYPES = {int(kind): kind for kind in EventType}
_NEVER = (1 << 63) - 1
_ECLOSED = -40
# One kind for all arrays, which have 4096 records at most; no more of it is read than there is.
_RECORDS = ctypes.c_ubyte * (4096 * _RECORD.size)
_MESSAGE, _CLOSED = int(EventType.MESSAGE), int(EventType.CLOSED)
_RELAY_ENDED, _DIALER_CLOSED = int(EventType.RELAY_ENDED), int(EventType.DIALER_CLOSED)
_LISTENER_CLOSED, _ACCEPT_LIMITED = int(EventType.LISTENER_CLOSED), int(EventType.ACCEPT_LIMITED)
_ENDS = frozenset((_CLOSED, _RELAY_ENDED, _DIALER_CLOSED, _LISTENER_CLOSED))


class Event:
    """Something that happened: `type`, and what belongs to it."""

    __slots__ = ("type", "status", "conn", "token", "size", "_source", "_generation", "_message", "_data", "_user")

    def __init__(self, source, conn, fields):
        kind, self.status, _, self._user, self._message, self._data, self.size, self.token, _ = fields
        self.type = _TYPES.get(kind, kind)
        self.conn = conn
        self._source = source
        self._generation = source._generation

    @property
    def message(self):
        """Of MESSAGE: borrowed until the next poll. With the option header_from it may be a header alone, whose body_size
        is not None then; see Conn.receive_file().
        """
        if self.type != _MESSAGE:
            raise Invalid(-1, f"a {self.type!r} has no message")
        if isinstance(self._message, int):
            if self._generation != self._source._generation:
                raise Invalid(-6, "the event's message was borrowed until the next poll")
            self._message = Message(self._message, self._data, self.size, self._source)
            if self.token and not self.conn._has_ids():
                self._message.body_size = self.token
        return self._message

    @property
    def listener(self):
        """Of ACCEPTED, ACCEPT_LIMITED and LISTENER_CLOSED."""
        return self._source._listeners.get(self._user)

    @property
    def dialer(self):
        """Of REDIAL and DIALER_CLOSED. size of a REDIAL: milliseconds until the next attempt; token: attempts in a row
        that did not last.
        """
        return self._source._dialers.get(self._user)

    @property
    def relay(self):
        """Of RELAY_ENDED."""
        return self._source._relays.get(self._data)

    @property
    def error(self):
        """The status as an exception, or None: why a connection was closed, a unit not sent. Of ACCEPT_LIMITED it has the
        errno, EMFILE when descriptors ran out.
        """
        if self.type == _ACCEPT_LIMITED and self.size:
            return error_of(self.status, os.strerror(self.size), self.size)
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
            return Event(source, source._conn_of(fields), fields)


class Loop(Handle, Source):
    """An event loop. Options are the fields of zcn_loop_options, such as pool and event_capacity.

    One thread at a time uses it and its connections; wake() and Conn.post() are for the others, and close() while it
    waits in poll().
    """

    _release = c.zcn_loop_release

    def __init__(self, **options):
        Source.__init__(self)
        self._turn = threading.RLock()  # of the two below; a signal's handler may close in the middle of a poll
        self._polling = 0
        self._ending = False
        handle, chosen = ctypes.c_void_p(), c.options("loop", options)
        check(c.zcn_loop_create(ctypes.byref(handle), ctypes.byref(chosen)))
        self._handle = handle.value
        self._conns = {}
        self._listeners = {}  # by their user values
        self._dialers = {}  # the same
        self._numbers = itertools.count(1)  # for user values
        self._relays = {}  # by their handles
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
        with self._turn:
            if self._ending:
                raise Invalid(-6, "the Loop was closed")
            self._polling += 1
        try:
            events = self._wait(timeout)
        finally:
            with self._turn:
                self._polling -= 1
                ends = self._ending and not self._polling
            if ends:
                self._end()
        if ends:
            raise error_of(_ECLOSED)
        return events

    def _wait(self, timeout):
        events = self._poll_now()
        end = None if timeout is None else time.monotonic() + timeout
        while not events and timeout != 0:
            raise_interrupt()
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

    @property
    def _live(self):
        if measuring:
            refuse_measuring()
        return super()._live

    def _poll_now(self):
        raise_interrupt()
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

    def _conn_of(self, fields):
        if fields[0] in _ENDS:
            self._note_end(fields)
        return self._conn_at(fields[2])

    def _conn_at(self, handle):
        return (self._conns.get(handle) or self._known(handle)) if handle else None

    def _leaves(self, handle):
        """A connection was moved away. What the present events say of it still has its object."""
        self._ended.append((self._conns, handle))

    def _arrives(self, conn):
        handle = conn._handle
        if (self._conns, handle) in self._ended:
            self._ended.remove((self._conns, handle))
        self._conns[handle] = conn
        conn.loop = self

    def _known(self, handle):
        conn = self._conns[handle] = Conn(self, handle)
        return conn

    def _forget_ended(self):
        """What has ended is gone with the poll after it was handed out, whether anybody looked at it or not."""
        events = self._events
        if events is not None:
            for at in range(events._next, events._count):
                self._note_end(_RECORD.unpack_from(events._memory, at * _RECORD.size))
        for known, key in self._ended:
            known.pop(key, None)
        self._ended.clear()

    def _note_end(self, fields):
        kind = fields[0]
        if kind == _CLOSED:
            self._ended.append((self._conns, fields[2]))
        elif kind == _RELAY_ENDED:
            self._ended.append((self._relays, fields[5]))
        elif kind == _DIALER_CLOSED:
            self._ended.append((self._dialers, fields[3]))
        elif kind == _LISTENER_CLOSED:
            self._ended.append((self._listeners, fields[3]))

    def listen(self, address, framing, conn=None, **options):
        """Listens on an address. conn has the options of accepted connections, as a dictionary."""
        accepted = c.options("conn", conn or {})
        chosen = c.options("listen", options)
        chosen.conn = ctypes.addressof(accepted)
        chosen.user = next(self._numbers)
        handle = ctypes.c_void_p()
        explain(
            c.zcn_listen(ctypes.byref(handle), self._live, address.encode(), framing._live, ctypes.byref(chosen)),
            self._handle,
        )
        listener = self._listeners[chosen.user] = Listener(handle.value)
        return listener

    def listen_stat(self, address):
        """Tells the loop's counters to whoever connects to a Unix socket, unix:///path or unix-abstract:NAME: the command
        `zcnet stat ADDRESS` shows them. Until close() of what this returns.
        """
        handle = ctypes.c_void_p()
        explain(c.zcn_listen_stat(ctypes.byref(handle), self._live, address.encode()), self._handle)
        return Listener(handle.value)

    def connect(self, address, framing, **options):
        """Connects to an address; CONNECTED or CLOSED follows. Options are the fields of zcn_conn_options."""
        chosen, handle = c.options("conn", options), ctypes.c_void_p()
        explain(
            c.zcn_connect(ctypes.byref(handle), self._live, address.encode(), framing._live, ctypes.byref(chosen)),
            self._handle,
        )
        return self._known(handle.value)

    def dial(self, address, framing, conn=None, **options):
        """Connects to an address, and again whenever the connection has ended: REDIAL says so. Options are the fields of
        zcn_dial_options; conn has those of each connection, as a dictionary.
        """
        each = c.options("conn", conn or {})
        chosen, handle = c.options("dial", options), ctypes.c_void_p()
        chosen.conn = ctypes.addressof(each)
        chosen.user = next(self._numbers)
        explain(
            c.zcn_dial(ctypes.byref(handle), self._live, address.encode(), framing._live, ctypes.byref(chosen)),
            self._handle,
        )
        dialer = self._dialers[chosen.user] = Dialer(self, handle.value)
        return dialer

    def adopt(self, sock, framing, **options):
        """Drives a connected stream socket: a descriptor, or a socket object, which is left without its own."""
        chosen, handle = c.options("conn", options), ctypes.c_void_p()
        with Given(sock) as given:
            explain(
                c.zcn_conn_adopt(ctypes.byref(handle), self._live, given.fd, framing._live, ctypes.byref(chosen)),
                self._handle,
            )
        return self._known(handle.value)

    def relay(self, first, second, **options):
        """Joins two open connections of this loop, which end with CLOSED, or two sockets, which are taken; RELAY_ENDED
        follows. Options are the fields of zcn_relay_options.
        """
        chosen, handle = c.options("relay", options), ctypes.c_void_p()
        out = ctypes.byref(handle)
        if isinstance(first, Conn) and isinstance(second, Conn):
            explain(c.zcn_relay_conns(out, first._live, second._live, ctypes.byref(chosen)), self._live)
        else:
            with Given(first) as one, Given(second) as other:
                explain(c.zcn_relay_fds(out, self._live, one.fd, other.fd, ctypes.byref(chosen)), self._handle)
        relay = self._relays[handle.value] = Relay(handle.value)
        return relay

    def timer_set(self, token, delay):
        """One TIMER event with this number, after so many seconds. Setting it again moves it."""
        check(c.zcn_loop_timer_set(self._live, token, int(delay * 1e9)))

    def timer_cancel(self, token):
        """False when there is no such timer."""
        return taken(c.zcn_loop_timer_cancel(self._live, token))

    def await_memory(self, pool, size=0, token=0):
        """One POOL_READY event with this number when a Pool that is at its limit has room for so many bytes: what to do
        when an allocation raised ENOBUFS. It is no promise: others may take the room first.
        """
        check(c.zcn_loop_await_memory(self._live, pool._live, size, token))

    def wake(self):
        """Makes the present or the next poll return with WOKEN, from any thread."""
        check(c.zcn_loop_wake(super()._live))

    def shutdown(self):
        """Closes every connection, listener, dialer and relay; polls go on until they have ended, then raise Closed."""
        check(c.zcn_loop_close(self._live))

    def stats(self):
        """Counters by name; total is the sum over its connections, living and closed."""
        return c.counters(c.zcn_loop_get_stats, self._live, "zcn_loop_stats")

    def relay_stats(self):
        """Counters of its relays by name, of those that are open and those that have ended: what they carry is in none of
        stats().
        """
        return c.counters(c.zcn_loop_get_relay_stats, self._live, "zcn_loop_relay_stats")

    def fileno(self):
        """For another loop: readable whenever a poll has something to do."""
        return c.zcn_loop_fd(self._live)

    def next_deadline(self):
        """Seconds until a poll is due though the descriptor is silent; None: never."""
        ns = ctypes.c_int64()
        check(c.zcn_loop_next_deadline(self._live, ctypes.byref(ns)))
        return None if ns.value == _NEVER else ns.value / 1e9

    def close(self):
        """Ends the loop now: connections that are open are aborted. Messages that were retained live on.

        In the middle of a poll(), on another thread or in the handler of a signal, it is that poll which ends the loop,
        and raises Closed.
        """
        with self._turn:
            if self._handle is None:
                return
            self._ending = True
            if self._polling:
                self.wake()
                return
        self._end()

    def _end(self):
        self._end_loans()
        self._events = None
        super().close()
        self._conns.clear()
        self._listeners.clear()
        self._dialers.clear()
        self._relays.clear()

    def __del__(self):
        if self._handle is not None:
            self._end()  # nobody polls what nobody has
