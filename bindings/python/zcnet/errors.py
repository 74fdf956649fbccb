# SPDX-License-Identifier: MIT
"""Errors: a class for each kind of status, each also what Python itself would raise for such a thing."""

import ctypes
import errno as _errno

from . import _declarations
from . import _library as c

AGAIN, EOF = 1, 2


class Error(Exception):
    """What the library says went wrong: `status` is its number, `name` its name (ZCN_…)."""

    def __init__(self, status, text=None, sys_errno=0):
        text = text or c.zcn_status_text(status).decode()
        number = sys_errno or _NUMBERS.get(status, 0)
        super().__init__(*((number, text) if isinstance(self, OSError) else (text,)))
        self.status = status
        self.sys_errno = sys_errno
        self.text = text

    @property
    def name(self):
        return c.zcn_status_name(self.status).decode()

    def __str__(self):
        return f"{self.text} ({self.name})"


class Invalid(Error, ValueError):
    """An argument is out of range, an address is wrong, a handle was released."""


class NoMemory(Error, MemoryError):
    """The system has no memory."""


class Busy(Error, RuntimeError):
    """The owner's calls overlap, or the object is in use."""


class FrameError(Error, ValueError):
    """The bytes or the body do not fit the framing."""


class SystemFailure(Error, OSError):
    """A system call failed; `errno` says which way."""


class Closed(Error, BrokenPipeError):
    """The connection, listener or loop is closed."""


class Eof(Error, EOFError):
    """The peer ended the stream in order."""


class Timeout(Error, TimeoutError):
    """A deadline passed."""


class Refused(Error, ConnectionRefusedError):
    """Nobody listens at the address."""


class Reset(Error, ConnectionResetError):
    """The peer reset the connection."""


class Aborted(Error, ConnectionAbortedError):
    """The program aborted the connection."""


class Denied(Error, PermissionError):
    """Permission denied."""


class NotFound(Error, FileNotFoundError):
    """There is no such file."""


_NUMBERS = {
    -3: _errno.ENOBUFS, -8: _errno.EOPNOTSUPP, -40: _errno.EPIPE, -41: _errno.ETIMEDOUT, -43: _errno.ECONNRESET,
    -45: _errno.ECONNREFUSED, -46: _errno.EHOSTUNREACH, -47: _errno.EADDRINUSE, -48: _errno.EADDRNOTAVAIL,
    -49: _errno.EACCES, -51: _errno.ECONNABORTED, -60: _errno.ENOENT, -61: _errno.ENOSPC,
}
_CLASSES = {
    2: Eof, -1: Invalid, -2: NoMemory, -3: SystemFailure, -5: Busy, -6: Invalid, -8: SystemFailure, -40: Closed,
    -41: Timeout, -42: SystemFailure, -43: Reset, -44: Invalid, -45: Refused, -46: SystemFailure, -47: SystemFailure,
    -48: SystemFailure, -49: Denied, -51: Aborted, -60: NotFound,
    -61: SystemFailure,
}


def error_of(status, text=None, sys_errno=0):
    """The error for a status, to be raised."""
    kind = FrameError if -39 <= status <= -20 else _CLASSES.get(status, Error)
    return kind(status, text, sys_errno)


def check(status):
    """Raises what is not ZCN_OK."""
    if status:
        raise error_of(status)


def taken(status):
    """True for ZCN_OK, False for ZCN_AGAIN; raises the others."""
    if status == 0:
        return True
    if status == AGAIN:
        return False
    raise error_of(status)


def of_structure(error):
    """What a zcn_error says, as an exception; None for ZCN_OK."""
    return error_of(error.status, error.text.decode(errors="replace"), error.sys_errno) if error.status else None


def check_with(status, error):
    """Raises what is not ZCN_OK, with the sentence that the call left where it left one."""
    if status:
        raise of_structure(error) if error.status == status else error_of(status)


def explain(status, handle):
    """For calls whose loop has a sentence about their failure."""
    if status:
        error = c.sized("zcn_error")
        c.zcn_loop_get_error(handle, ctypes.byref(error))
        check_with(status, error)


STATUSES = dict(_declarations.STATUSES)
