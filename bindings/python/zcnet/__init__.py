# SPDX-License-Identifier: MIT
"""libzcnet for Python: messages over TCP and Unix sockets, read where the kernel wrote them."""

from .conn import (
    Conn, Dialer, Direction, Flush, Lag, Listener, Option, Relay, RelayMethod, State, Tap, send_to_all,
)
from .errors import (
    Aborted, Busy, Closed, Denied, Eof, Error, FrameError, Invalid, NoMemory, NotFound, Refused, Reset, SystemFailure,
    Timeout,
)
from .file import File, FileCache, FileFlag, FileMethod
from .loop import Event, Events, EventType, Loop
from .message import Message, settle
from .stream import Stream
from .values import Framing, Pool, Unit

__all__ = [
    "Aborted", "Busy", "Closed", "Conn", "Denied", "Dialer", "Direction", "Eof", "Error", "Event", "EventType",
    "Events", "File", "FileCache", "FileFlag", "FileMethod", "Flush", "FrameError", "Framing", "Invalid", "Lag",
    "Listener", "Loop", "Message", "NoMemory", "NotFound", "Option", "Pool", "Refused", "Relay", "RelayMethod", "Reset",
    "State", "Stream", "SystemFailure", "Tap", "Timeout", "Unit", "send_to_all", "settle", "version",
]


def version():
    """The version of the library that runs, as three numbers."""
    from ._library import zcn_version

    number = zcn_version()
    return number // 1000000, number // 1000 % 1000, number % 1000
