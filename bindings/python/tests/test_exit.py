# SPDX-License-Identifier: MIT
"""What is left when the interpreter ends: finalizers run in any order then, and none of them may crash or complain."""

import os
import subprocess
import sys
import unittest

START = """
import asyncio, gc, socket, sys, threading, zcnet, zcnet.aio
framing = zcnet.Framing("length,width=4,strip=4,max=1M")
loop = zcnet.Loop()
near, far = (loop.adopt(end, framing) for end in socket.socketpair())
near.send(b"a message that is kept")
event = None
while event is None:
    event = next((event for event in loop.poll(10) if event.type == zcnet.EventType.MESSAGE), None)
"""

PROGRAMS = {
    "everything is left": """
borrowed, owned, part, copy = event.message, event.message.retain(), event.message.slice(1, 3), event.message.detach()
view = owned.data[2:]
kept = memoryview(event.message.data)
unit, lent, written = zcnet.Unit(), zcnet.Unit().append(bytearray(100)), zcnet.Unit(framing, 10)
body = written.body
far.pause()
for _ in range(20):
    near.send(zcnet.Unit().append(bytearray(100000)))
stream = zcnet.Stream(framing)
listener, dialer = loop.listen("tcp://127.0.0.1:0", framing), loop.dial("tcp://127.0.0.1:1", framing)
""",
    "everything is in circles": """
class Circle:
    def __init__(self, *things):
        self.things, self.self = things, self
    def __del__(self):
        self.again = [repr(thing) for thing in self.things]
circles = [Circle(event.message.retain(), loop, near, far, zcnet.Unit().append(bytearray(10))) for _ in range(10)]
loop.circle = circles
del circles, near, far, event, loop
""",
    "the collector runs at the worst time": """
first = event.message.retain()
gc.set_threshold(1)
class Late:
    def __init__(self):
        self.message, self.self = first.retain(), self
    def __del__(self):
        assert bytes(self.message.data) == b"a message that is kept"
        self.message.release()
for _ in range(200):
    Late()
    near.send(b"more")
    for each in loop.poll(0):
        each.message.data
""",
    "messages are released after the library's objects": """
import atexit
message = event.message.retain()
atexit.register(lambda: print(bytes(message).decode()))
loop.close()
""",
    "a thread is in the middle of a poll": """
def work():
    while True:
        for event in other.poll(0.001):
            event.message.retain()
other = zcnet.Loop()
threading.Thread(target=work, daemon=True).start()
""",
    "asyncio is left alone": """
async def echo(conn):
    async for message in conn:
        await conn.send(message)
async def main():
    server = await zcnet.aio.listen("tcp://127.0.0.1:0", framing, echo)
    conn = await zcnet.aio.connect(server.address, framing)
    await conn.send(b"x")
    globals().update(server=server, conn=conn, got=await conn.receive())
asyncio.run(main())
""",
    "an exception ends it": """
message = event.message.retain()
sys.exit(0 if bytes(message) else 1)
""",
}


class Exit(unittest.TestCase):
    def run_program(self, program, **environment):
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", START + program]
        environment = {**os.environ, **environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def test_it_is_quiet_whatever_is_left(self):
        for name, program in PROGRAMS.items():
            with self.subTest(name):
                done = self.run_program(program)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_was_forgotten_is_reported_in_the_debug_mode(self):
        forgotten = """
import ctypes
message = event.message.retain()
for thing in (message, loop, near):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
"""
        done = self.run_program(forgotten, ZCNET_DEBUG="leak")
        self.assertEqual(done.returncode, 0, done.stderr)
        for kind in ("message 22 bytes", "loop", "connection"):
            self.assertRegex(done.stderr, rf"(?m)^zcnet: alive at the end: {kind}[ ,]")


if __name__ == "__main__":
    unittest.main()
