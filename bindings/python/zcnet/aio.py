# SPDX-License-Identifier: MIT
"""Connections for asyncio: a zcnet loop runs inside the asyncio loop, by its descriptor and its deadline.

    async with await zcnet.aio.connect("tcp://127.0.0.1:7000", framing) as conn:
        await conn.send(b"question")
        async for message in conn:
            with message:
                print(bytes(message))

Messages are owned: they last as long as somebody has them. Cancelling a receive() or a send() loses nothing.
"""

import asyncio
import collections
import errno
import itertools

from ._driver import Driver, Waited
from .conn import State
from .errors import Closed, Eof, FrameError, Invalid, SystemFailure, Timeout
from .loop import EventType

class Connection(Waited):
    """A connection, for tasks of one asyncio loop."""

    def __init__(self, driver, conn, limit):
        super().__init__(driver)
        self.conn = conn
        self._limit = limit
        self._messages = collections.deque()
        self._requests = {}  # by token: who waits for the answer
        self._files = {}  # by token: who waits for what goes into a file
        self._tokens = itertools.count(1)
        self._asks = False
        self._paused = False
        self._connected = False
        self._ended = False
        self._error = None
        driver.users[conn] = self

    def _handle(self, event):
        if event.token in self._requests and event.type in (EventType.MESSAGE, EventType.UNANSWERED):
            waiter = self._requests.pop(event.token)
            if waiter.cancelled():
                pass
            elif event.type == EventType.MESSAGE:
                waiter.set_result(event.message.retain())
            else:
                waiter.set_exception(event.error)
        elif event.type == EventType.MESSAGE and self._asks and self.conn.id_of(event.message) != 0:
            pass  # an answer that came too late, or twice
        elif event.type == EventType.MESSAGE:
            message = event.message.retain()
            message.body_size = event.message.body_size
            self._messages.append(message)
            if len(self._messages) >= self._limit and not self._paused:
                self._paused = True
                self._quietly(self.conn.pause)
        elif event.type == EventType.FILE_RECEIVED:
            waiter = self._files.pop(event.token, None)
            if waiter is None or waiter.cancelled():
                pass
            elif event.error is None:
                waiter.set_result(event.size)
            else:
                waiter.set_exception(self.conn.file_error or event.error)
        elif event.type == EventType.CONNECTED:
            self._connected = True
        elif event.type == EventType.CLOSED:
            self._ended, self._error = True, event.error and (self.conn.error or event.error)
        elif event.type != EventType.WRITABLE:
            return
        self._changed()

    @staticmethod
    def _quietly(function):
        try:
            function()
        except Closed:
            pass  # its CLOSED is on the way

    async def receive(self):
        """The next message, owned. Raises Eof when the peer has ended in order, Closed after close(), else why."""
        while not self._messages:
            if self._ended:
                raise self._error or Closed(-40)
            await self._change()
        message = self._messages.popleft()
        if self._paused and len(self._messages) <= self._limit // 2:
            self._paused = False
            self._quietly(self.conn.resume)
            self._driver.settle()
        return message

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.receive()
        except (Eof, Closed):
            raise StopAsyncIteration from None

    async def send(self, what):
        """Queues bytes, a Unit or a Message, and waits while the peer is behind."""
        while True:
            if self._ended:
                raise Closed(-40)
            if self.conn.send(what):
                self._driver.settle()
                return
            await self._change()

    async def request(self, body, timeout=None):
        """Asks with a copy of some bytes, and gives the answer, owned; any number of tasks may. The option id_width says
        that messages have ids, and the body has room for one there. Raises Timeout after so many seconds, be it
        that the peer is behind, that max_requests have no answer yet or that none comes, or raises why the connection
        ended. Cancelling takes the request back. Of a connection that asks, receive() gives only messages with the id 0:
        all others are answers.
        """
        self._asks = True
        token, number = await self._begin_request(timeout)
        answer = self._requests[token] = self._driver.host.create_future()
        try:
            # Its time runs while there is no room to send it, too.
            while not answer.done():
                if self._ended:
                    raise Closed(-40)
                sent = self.conn.answer(number, body)
                self._driver.settle()
                if sent:
                    break
                await self._change()
            return await answer
        finally:
            if self._requests.pop(token, None) is not None:
                if not self._ended:
                    self._quietly(lambda: self.conn.end_request(number))
                self._changed()

    async def _begin_request(self, timeout):
        """The token and the id of a request, as soon as fewer than max_requests wait for their answers."""
        host = self._driver.host
        end = None if timeout is None else host.time() + timeout
        while True:
            if self._ended:
                raise Closed(-40)
            token = next(self._tokens)
            left = None if end is None else max(end - host.time(), 0)
            try:
                return token, self.conn.begin_request(token, left)
            except SystemFailure as error:
                if error.errno != errno.ENOBUFS or not self._requests:
                    raise
            try:
                await asyncio.wait_for(self._change(), left)
            except asyncio.TimeoutError:
                raise Timeout(-41) from None

    async def receive_file(self, header, file, **options):
        """Lets the body that follows a received header go into a file, and waits for its end; how many bytes. With the
        option header_from a large message is received as its header alone, which has a body_size, and what comes after it
        waits for this. file and options are as of Conn.receive_file(); raises why the file or the connection took no more.
        Cancelling ends the waiting: the body goes into the file all the same.
        """
        if header.body_size is None:
            raise Invalid(-1, "the message is no header: it was received whole")
        if self._ended:
            raise Closed(-40)
        token = next(self._tokens)
        self.conn.receive_file(file, header.body_size, token=token, **options)
        waiter = self._files[token] = self._driver.host.create_future()
        self._driver.settle()
        return await waiter

    async def answer(self, request, body):
        """Answers a received message with a copy of some bytes, and waits while the peer is behind."""
        number = self.conn.id_of(request)
        while True:
            if self._ended:
                raise Closed(-40)
            if self.conn.answer(number, body):
                self._driver.settle()
                return
            await self._change()

    async def wait_closed(self):
        """Until the connection has ended."""
        while not self._ended:
            await self._change()

    async def close(self):
        """Sends what is queued, and waits until the connection has ended."""
        if not self._ended:
            self.conn.close()
            self._driver.settle()
        await self.wait_closed()

    def abort(self):
        """Ends at once."""
        if not self._ended:
            self.conn.abort()
            self._driver.settle()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


class Dialer(Waited):
    """Connections to an address, one after the other, to be gone through with `async for`: when one has ended, the next
    step waits for the next one. The loop ends after close(), and with why when the dialer gave up.

        async for conn in zcnet.aio.dial("tcp://127.0.0.1:7000", framing):
            async for message in conn:
                …
    """

    def __init__(self, driver, dialer, limit):
        super().__init__(driver)
        self.dialer = dialer
        self._limit = limit
        self._connections = collections.deque()
        self._closed = False
        self._error = None
        self.last_error = None  # why the last connection ended, or could not be made
        driver.users[dialer] = self

    def _handle(self, event):
        if event.type == EventType.CONNECTED:
            connection = Connection(self._driver, event.conn, self._limit)
            connection._connected = True
            self._connections.append(connection)
        elif event.type == EventType.REDIAL:
            self.last_error = event.error
        elif event.type == EventType.DIALER_CLOSED:
            self._closed, self._error = True, event.error
        self._changed()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._connections:
            if self._closed:
                if self._error is None:
                    raise StopAsyncIteration
                raise self._error
            await self._change()
        return self._connections.popleft()

    def hurry(self):
        """Tries now instead of at the end of the wait."""
        self.dialer.hurry()
        self._driver.settle()

    async def close(self):
        """Makes no more connections; the present one lives on, when it stands."""
        if not self._closed:
            self.dialer.close()
            conn = self.dialer.conn
            if conn is not None and conn.state == State.CONNECTING:
                conn.abort()
            self._driver.settle()
        while not self._closed:
            await self._change()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


class Server:
    """Accepts connections, and has a task for each."""

    def __init__(self, driver, listener, handler, limit):
        self.address = listener.address
        self._driver, self._listener, self._handler, self._limit = driver, listener, handler, limit
        self._closed = asyncio.Event()
        self._tasks = set()
        driver.users[listener] = self

    def _accepted(self, conn):
        task = self._driver.host.create_task(self._serve(Connection(self._driver, conn, self._limit)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection):
        try:
            await self._handler(connection)
        except asyncio.CancelledError:
            connection.abort()
            raise
        except (Eof, FrameError, Timeout, ConnectionError):
            connection.abort()  # what a peer did ends its connection, and is nobody else's concern
        except Exception as error:
            connection.abort()
            self._driver.report("a handler failed, and its connection is aborted", error)
        finally:
            await connection.close()

    async def close(self):
        """Stops listening and cancels the tasks of connections that are left."""
        if not self._closed.is_set():
            self._listener.close()
            self._driver.settle()
        await self._closed.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


async def connect(address, framing, *, limit=256, **options):
    """A connection that stands. Raises why there is none. At most about limit messages wait to be received."""
    driver = Driver.current()
    try:
        connection = Connection(driver, driver.loop.connect(address, framing, **options), limit)
    finally:
        driver.settle()
    try:
        while not connection._connected and not connection._ended:
            await connection._change()
    except asyncio.CancelledError:
        connection.abort()
        raise
    if connection._ended and not connection._connected:
        raise connection._error or Closed(-40)
    return connection


async def listen(address, framing, handler, *, limit=256, **options):
    """A server that runs `await handler(connection)` for each connection, and closes it then."""
    driver = Driver.current()
    try:
        return Server(driver, driver.loop.listen(address, framing, **options), handler, limit)
    finally:
        driver.settle()


def dial(address, framing, *, limit=256, **options):
    """A Dialer, in a running asyncio loop. Options are those of Loop.dial()."""
    driver = Driver.current()
    try:
        return Dialer(driver, driver.loop.dial(address, framing, **options), limit)
    finally:
        driver.settle()


async def memory(pool, size=0):
    """Waits until a Pool that is at its limit has room for so many bytes: what a task does whose allocation raised ENOBUFS,
    before it tries again. It is no promise: others may take the room first.
    """
    await Driver.current().wait_memory(pool, size)
