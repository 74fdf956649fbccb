# SPDX-License-Identifier: MIT
"""What a loop drives: connections, listeners, dialers and relays."""

import ctypes
import enum
import os

from . import _declarations
from . import _library as c
from ._memory import Borrowed, Lender
from .errors import Invalid, check, error_of, of_structure, taken
from .message import Message
from .values import Handle, Unit, measuring, refuse_measuring

State = enum.IntEnum("State", _declarations.STATES)
Option = enum.IntEnum("Option", _declarations.OPTIONS)
Lag = enum.IntEnum("Lag", _declarations.LAGS)
RelayMethod = enum.IntEnum("RelayMethod", _declarations.RELAY_METHODS)
Direction = enum.IntEnum("Direction", _declarations.DIRECTIONS)
Tap = enum.IntEnum("Tap", _declarations.TAPS)
Flush = enum.IntEnum("Flush", _declarations.FLUSHES)

_ALL = (1 << 64) - 1
_UNSUPPORTED = -8


class Given:
    """A descriptor for the library: of a descriptor, or of a socket object, which ends when the call took it. It is a
    copy of it, so that a call that fails leaves the socket as it was.
    """

    def __init__(self, sock):
        self._sock = sock
        self.fd = os.dup(sock if isinstance(sock, int) else sock.fileno())

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            os.close(self.fd)
        elif isinstance(self._sock, int):
            os.close(self._sock)
        else:
            self._sock.close()


def _nanoseconds(seconds):
    return -1 if seconds is None else max(0, int(seconds * 1e9))


class Conn(Handle):
    """A connection of a loop. It stays open when nobody has it: close() and abort() end it, and CLOSED tells."""

    _release = c.zcn_conn_release
    _room = None
    _lent = False

    def __init__(self, loop, handle):
        self._handle = c.zcn_conn_retain(handle)
        self.loop = loop
        self.user = None  # the program's own

    def __repr__(self):
        if self._handle is None:
            return "<zcnet.Conn, closed>"
        return f"<zcnet.Conn {State(c.zcn_conn_get_state(self._handle)).name.lower()}>"

    @property
    def _live(self):
        """The handle, for the owner's calls: they end the room that reserve() gave."""
        if measuring:
            refuse_measuring()
        self._end_room()
        return super()._live

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
            return taken(c.zcn_conn_send_msg(handle, what._shared))
        with Borrowed(what) as given:
            return taken(c.zcn_conn_send_copy(handle, given.address, given.size))

    def post(self, unit):
        """Queues a unit from any thread; False as send()."""
        return unit._sent_by(c.zcn_conn_post, super()._live)

    def reserve(self, size):
        """A memoryview to write the next message into, straight into the connection's queue: at least size bytes. None
        above the high-water mark. It ends with the next call on the connection and the next poll.
        """
        data, room = ctypes.c_void_p(), ctypes.c_uint64()
        if not taken(c.zcn_conn_reserve(self._live, ctypes.byref(data), ctypes.byref(room), size)):
            return None
        return self._lend_room(data.value, room.value)

    def commit(self, size):
        """Queues the first bytes of what was written there as a message, and shows where the next one may be; None when
        there is no room left.
        """
        if self._room is None:
            raise Invalid(-1, "nothing is reserved, or another call on the connection has ended it")
        data, room = ctypes.c_void_p(), ctypes.c_uint64()
        check(c.zcn_conn_commit(self._live, size, ctypes.byref(data), ctypes.byref(room)))
        return self._lend_room(data.value, room.value) if data.value else None

    def _lend_room(self, address, size):
        self._room = Lender(address, size, readonly=False)
        if not self._lent:
            self._lent = True
            self.loop._loans.append(self)
        return self._room.view()

    def _end_room(self):
        if self._room is not None:
            if not self._room.withdraw():
                raise BufferError("views of the reserved room are in use")
            self._room = None

    def _end_loan(self):
        self._end_room()
        self._lent = False

    def forward(self, message):
        """Passes a message of the last poll on, as it stands: who sent it is not read while this end is behind."""
        check(c.zcn_conn_forward(self._live, message._live))

    def request(self, body, token, timeout=None):
        """Asks with a copy of some bytes; the option id_width says that messages have ids, and id_offset where. What the
        body has in the id's place is overwritten. A MESSAGE with the token, not 0, is the answer; UNANSWERED tells that
        so many seconds passed, or that the connection ended. False above the high-water mark.
        """
        with Borrowed(body) as given:
            return taken(c.zcn_conn_request(self._live, given.address, given.size, token, _nanoseconds(timeout)))

    def answer(self, request, body):
        """Answers a Message, or an id, with a copy of some bytes. False above the high-water mark."""
        number = request if isinstance(request, int) else self.id_of(request)
        with Borrowed(body) as given:
            return taken(c.zcn_conn_answer(self._live, number, given.address, given.size))

    def begin_request(self, token, timeout=None):
        """Expects an answer to a body that will be sent with this id: answer(id, body) sends one with the id put in."""
        number = ctypes.c_uint64()
        check(c.zcn_conn_begin_request(self._live, token, _nanoseconds(timeout), ctypes.byref(number)))
        return number.value

    def put_id(self, body, number):
        """Writes the id of a request, or of its answer, to its place in a body that is sent by the program itself, such as
        Unit.body.
        """
        if memoryview(body).readonly:
            raise TypeError("the body cannot be written to")
        with Borrowed(body) as given:
            check(c.zcn_conn_put_id(self._handle, given.address, given.size, number))

    def end_request(self, number):
        """Takes a request back; False: it has ended already."""
        return taken(c.zcn_conn_end_request(self._live, number))

    def id_of(self, message):
        """The id of a received message."""
        number = ctypes.c_uint64()
        handle = message._live
        data, size = c.zcn_msg_data(handle), c.zcn_msg_size(handle)
        check(c.zcn_conn_get_id(super()._live, data, size, ctypes.byref(number)))
        return number.value

    def _has_ids(self):
        """Whether messages carry ids: the option id_width."""
        number = ctypes.c_uint64()
        return c.zcn_conn_get_id(self._handle, ctypes.addressof(number), 0, ctypes.byref(number)) != _UNSUPPORTED

    def flush(self):
        """Writes what is queued now; False: some is left, and goes on by itself."""
        return taken(c.zcn_conn_flush(self._live))

    def close(self):
        """Sends what is queued, then closes. From any thread, as abort()."""
        check(c.zcn_conn_close(super()._live))

    def abort(self):
        """Ends at once; the peer of a TCP connection gets a reset."""
        check(c.zcn_conn_abort(super()._live))

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

    def receive_file(self, file, size=None, after=None, **options):
        """Lets the bytes that follow what was delivered, or a message of the last poll, go into a file: so many, or all
        until the peer ends. With the option header_from a large message is delivered as its header alone, whose
        body_size says how many. FILE_RECEIVED tells the end: its size is what is in the file.

        file is a descriptor or an object that has one, open for writing; the caller closes it, at any time. None: the
        bytes are dropped. Options are the fields of zcn_receive_file_options: offset, token, and flush, a Flush.
        """
        chosen = c.options("receive_file", options)
        fd = -1 if file is None else os.dup(file if isinstance(file, int) else file.fileno())
        size = _ALL if size is None else size
        try:
            check(c.zcn_conn_receive_file(self._live, after and after._live, fd, size, ctypes.byref(chosen)))
        except BaseException:
            if fd >= 0:
                os.close(fd)
            raise

    @property
    def file_error(self):
        """Why the file that the last FILE_RECEIVED told of takes no more, as an exception; None when all is well."""
        error = c.sized("zcn_error")
        check(c.zcn_conn_get_file_error(self._live, ctypes.byref(error)))
        return of_structure(error)

    def move_to(self, loop):
        """Hands the connection to another loop of the same pool, where it appears with ARRIVED."""
        check(c.zcn_conn_move(self._live, loop._live))
        if self._lent:
            self.loop._loans.remove(self)
            self._lent = False
        self.loop._leaves(self._handle)
        loop._arrives(self)

    def take_fd(self):
        """The descriptor, which is the caller's from now on, and what was received and not delivered: a Message, or
        None. The connection ends with CLOSED.
        """
        fd, rest = ctypes.c_int(), ctypes.c_void_p()
        check(c.zcn_conn_take_fd(self._live, ctypes.byref(fd), ctypes.byref(rest)))
        return fd.value, rest.value and Message._owned(rest.value)

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
        return of_structure(error)

    def explain(self):
        """Which ways its bytes went, which they go now, and why: three lines for people and logs."""
        return c.text_of(c.zcn_conn_explain, self._live, 768)

    def stats(self):
        """Counters by name."""
        return c.counters(c.zcn_conn_get_stats, self._live, "zcn_stats")

    def fileno(self):
        """The descriptor, for socket options; -1 when closed."""
        return c.zcn_conn_fd(self._live)

    def __exit__(self, *_):
        self.close()


def send_to_all(conns, unit, all_or_nothing=False):
    """Queues one Unit on many connections of one loop, without a copy. What each of them says: None where it was queued,
    else why not, as an exception. With all_or_nothing it is queued on each of them, or on none, which is raised.
    """
    conns = list(conns)
    handles = (ctypes.c_void_p * len(conns))(*[conn._live for conn in conns])
    statuses = (ctypes.c_int32 * len(conns))()
    unit._taken_by(
        lambda handle: c.zcn_conn_send_to_all(
            ctypes.addressof(handles), len(conns), handle, int(all_or_nothing), ctypes.addressof(statuses), None
        )
    )
    return [error_of(status) if status else None for status in statuses]


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


class Dialer(Handle):
    """Keeps one connection to an address, and makes a new one when it ends, until close()."""

    _release = c.zcn_dialer_release

    def __init__(self, loop, handle):
        self._handle = handle
        self.loop = loop

    @property
    def conn(self):
        """The present connection, which stands or is being made; None while the dialer waits."""
        return self.loop._conn_at(c.zcn_dialer_get_conn(self._live))

    def hurry(self):
        """Tries now instead of at the end of the wait, and begins with the first wait again."""
        check(c.zcn_dialer_hurry(self._live))

    def stats(self):
        """Counters by name."""
        return c.counters(c.zcn_dialer_get_stats, self._live, "zcn_dialer_stats")

    def close(self):
        """Makes no more connections; the present one lives on."""
        check(c.zcn_dialer_close(self._live))


class Relay(Handle):
    """Bytes between two sockets, both ways, without passing through Python. RELAY_ENDED tells of its end."""

    _release = c.zcn_relay_release

    def __init__(self, handle):
        self._handle = c.zcn_relay_retain(handle)

    def tap(self, direction, sock, policy=Tap.END, wait=0):
        """Copies one Direction to a descriptor or socket object too, which is taken. wait is in seconds."""
        with Given(sock) as given:
            check(c.zcn_relay_tap(self._live, direction, given.fd, policy, int(wait * 1000)))

    def close(self):
        """Writes what was read, then ends. From any thread, as abort()."""
        check(c.zcn_relay_close(self._live))

    def abort(self):
        """Ends at once."""
        check(c.zcn_relay_abort(self._live))

    @property
    def error(self):
        """Why it ended, as an exception; None while it runs, and when it was closed by close()."""
        error = c.sized("zcn_error")
        check(c.zcn_relay_get_error(self._live, ctypes.byref(error)))
        return of_structure(error)

    def stats(self):
        """Counters of the two directions by name."""
        return c.counters(c.zcn_relay_get_stats, self._live, "zcn_relay_stats")
