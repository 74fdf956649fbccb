# SPDX-License-Identifier: MIT
"""libzcnet for Python: messages over TCP and Unix sockets, read where the kernel wrote them."""

from .errors import (
    Aborted, Busy, Closed, Denied, Eof, Error, FrameError, Invalid, NoMemory, NotFound, Refused, Reset, SystemFailure,
    Timeout,
)
from .loop import Conn, Event, Events, EventType, Lag, Listener, Loop, Option, State
from .message import Message
from .stream import Stream
from .values import Framing, Pool, Unit

__all__ = [
    "Aborted", "Busy", "Closed", "Conn", "Denied", "Eof", "Error", "Event", "EventType", "Events", "FrameError",
    "Framing", "Invalid", "Lag", "Listener", "Loop", "Message", "NoMemory", "NotFound", "Option", "Pool", "Refused",
    "Reset", "State", "Stream", "SystemFailure", "Timeout", "Unit", "version",
]


def version():
    """The version of the library that runs, as three numbers."""
    from ._library import zcn_version

    number = zcn_version()
    return number // 1000000, number // 1000 % 1000, number % 1000
