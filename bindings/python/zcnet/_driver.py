# SPDX-License-Identifier: MIT
"""A zcnet loop inside an asyncio loop, and what waits for its events; aio.py has what programs see."""

import asyncio
import itertools
import weakref

from .errors import Closed
from .loop import EventType, Loop

# By asyncio loop, a weak reference of its driver: that alone holds it, as what reads the descriptor. So an asyncio loop that
# ends before its connections takes them along.
_drivers = weakref.WeakKeyDictionary()


class Driver:
    """The zcnet loop of an asyncio loop; it ends with the last connection and listener."""

    def __init__(self, host):
        self.host = host
        self.loop = Loop()
        self.users = {}  # Conn, Listener or Dialer: what here it belongs to
        self.memory = {}  # by token: who waits for a pool
        self._tokens = itertools.count(1)
        self._timer = None
        host.add_reader(self.loop.fileno(), self.run)

    @classmethod
    def current(cls):
        host = asyncio.get_running_loop()
        driver = cls._of(host)
        if driver is None:
            driver = cls(host)
            _drivers[host] = weakref.ref(driver)
        return driver

    @staticmethod
    def _of(host):
        known = _drivers.get(host)
        return known and known()

    def run(self):
        """One poll; while there is more, the descriptor stays readable, and others have their turn between."""
        try:
            for event in self.loop.poll(0):
                try:
                    self._dispatch(event)
                except Exception as error:
                    # What is wrong with one event keeps no other from who waits for it.
                    self.report(f"an event was not handled: {event!r}", error)
        except Closed:
            pass
        self.settle()

    def report(self, text, error):
        self.host.call_exception_handler({"message": f"zcnet: {text}", "exception": error})

    async def wait_memory(self, pool, size):
        token = next(self._tokens)
        waiter = self.memory[token] = self.host.create_future()
        try:
            self.loop.await_memory(pool, size, token)
            self.settle()
            await waiter
        finally:
            self.memory.pop(token, None)
            self.settle()

    def _dispatch(self, event):
        if event.type == EventType.POOL_READY:
            waiter = self.memory.pop(event.token, None)
            if waiter is not None and not waiter.done():
                if event.error is not None:
                    waiter.set_exception(event.error)
                else:
                    waiter.set_result(None)
        elif event.type == EventType.ACCEPTED:
            server = self.users.get(event.listener)
            if server is None:
                event.conn.abort()
            else:
                server._accepted(event.conn)
        elif event.type == EventType.LISTENER_CLOSED:
            server = self.users.pop(event.listener, None)
            if server is not None:
                server._closed.set()
        elif event.dialer in self.users:
            self.users[event.dialer]._handle(event)
            if event.type == EventType.DIALER_CLOSED:
                self.users.pop(event.dialer)
        elif event.conn is not None:
            user = self.users.get(event.conn)
            if user is None and event.type == EventType.CONNECTED:
                user = self._dialled(event.conn)
            if user is not None:
                user._handle(event)
            if event.type == EventType.CLOSED:
                self.users.pop(event.conn, None)

    def _dialled(self, conn):
        """The dialer whose connection stands now."""
        for user in self.users.values():
            dialer = getattr(user, "dialer", None)
            if dialer is not None and dialer.conn is conn:
                return user
        return None

    def settle(self):
        """After anything was done: the next deadline, or the end."""
        if not self.users and not self.memory:
            self.end()
            return
        seconds = self.loop.next_deadline()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.host.call_later(seconds, self.run)

    def end(self):
        if self._of(self.host) is not self:
            return
        del _drivers[self.host]
        if self._timer is not None:
            self._timer.cancel()
        self.host.remove_reader(self.loop.fileno())
        self.loop.close()


class Waited:
    """Something that tasks of one asyncio loop wait for a change of."""

    def __init__(self, driver):
        self._driver = driver
        self._waiting = set()

    async def _change(self):
        """Until something happens to it."""
        waiter = self._driver.host.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _changed(self):
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
