# SPDX-License-Identifier: MIT
"""A client of HTTP that sends the bytes that it is told to, and a server to send them to."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

if not __debug__:
    raise SystemExit("these tests are made of assertions, which are switched off")
DEADLINE = float(os.environ.get("ZCNET_TEST_DEADLINE", "100"))
GET = b"GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n"


def get(target, fields=b""):
    """fields: whole lines."""
    return GET % (target, fields)


class Answer:
    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def field(self, name):
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Client:
    def __init__(self, address, receive_buffer=None):
        self.socket = socket.socket(address[0], socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(address[1])
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """False: the server has ended."""
        try:
            got = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.bytes += got
        return bool(got)

    def body(self, size):
        parts, missing = [self.bytes[:size]], size - min(size, len(self.bytes))
        self.bytes = self.bytes[size:]
        while missing:
            try:
                got = self.socket.recv(min(missing, 1 << 20))
            except ConnectionResetError:
                got = b""
            if not got:
                break
            parts.append(got)
            missing -= len(got)
        return b"".join(parts)

    def head(self):
        """The next answer without its body; None where the server has ended instead."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.more():
                assert not self.bytes, f"the end came inside a head: {self.bytes[:200]}"
                return None
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        version, status, _ = head.split(b" ", 2)
        assert version == b"HTTP/1.1", head
        return Answer(int(status), head, None)

    def answer(self, head_only=False):
        found = self.head()
        if found is not None and not head_only and found.status != 304:
            size = int(found.field(b"Content-Length"))
            found.body = self.body(size)
            assert len(found.body) == size, f"{len(found.body)} bytes of {size}"
        return found

    def ended(self):
        while self.more():
            pass
        return self.bytes == b""


class Server:
    """The tool, with a root of its own."""

    def __init__(self, tool, root, *words, address="tcp://127.0.0.1:0", limit=None):
        def lower():
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.process = subprocess.Popen([tool, "serve", str(root), address, *words], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lower if limit else None)
        self.signalled = False
        self.announced = self.process.stdout.readline().strip()
        text = self.announced
        if text.startswith("unix://"):
            self.address = (socket.AF_UNIX, text[len("unix://"):])
        else:
            host, _, port = text.rpartition("/")[2].rstrip('"}').rpartition(":")
            self.address = (socket.AF_INET, (host, int(port)))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and self.process.poll() is None:
            self.process.kill()
        self.stop()
        assert kind is not None or self.process.returncode == 0, f"the server ended with {self.process.returncode}"

    def client(self, **more):
        return Client(self.address, **more)

    def ask(self, data, head_only=False):
        """One answer on a connection of its own, and whether the server ended it."""
        with self.client() as client:
            client.send(data)
            found = client.answer(head_only)
            ended = False
            if found is not None and found.field(b"Connection") == b"close":
                ended = client.ended()
                assert ended, "bytes behind the last answer"
            return found, ended

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self):
        """Once: a second signal ends the server at once, as one that asks for it has to."""
        if not self.signalled:
            self.signalled = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self):
        if self.process.stdout.closed:
            return
        if self.process.poll() is None:
            self.signal()
        self.rest = self.process.stdout.read()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


def eventually(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def pattern(size):
    """Bytes in which no two places look alike."""
    return b"".join(b"%015x\n" % number for number in range(size // 16 + 1))[:size]


def write(path, data):
    Path(path).write_bytes(data)
    return data
