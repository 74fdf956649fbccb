#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcnet serve with files that change, clients that are slow, many or gone, and signals. clients.py TOOL FOLDER"""
import json
import os
import re
import resource
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from client import DEADLINE, Client, Server, eventually, get, pattern, write  # noqa: E402

tool, work = sys.argv[1], Path(sys.argv[2])
root = work / "root"
root.mkdir(parents=True)
MiB = 1 << 20
small = write(root / "small.txt", pattern(1000))
big = write(root / "big.bin", pattern(64 * MiB))


def fetch(client, target=b"/small.txt", body=small):
    client.send(get(target))
    assert client.answer().body == body, target


def changing_files():
    path = root / "changing.txt"
    with Server(tool, root, "--valid", "0") as server, server.client() as client:
        etags = set()

        def expect(body):
            client.send(get(b"/changing.txt"))
            found = client.answer()
            assert found.status == 200 and found.body == body, (found.status, found.body[:40], body[:40])
            etags.add(found.field(b"ETag"))

        write(path, b"first")
        expect(b"first")
        write(root / "new", b"again")
        os.rename(root / "new", path)  # another file, of the same size
        expect(b"again")
        write(path, b"longer than before")
        expect(b"longer than before")
        write(path, b"")
        expect(b"")
        write(path, pattern(200_000))
        expect(pattern(200_000))
        path.unlink()
        client.send(get(b"/changing.txt"))
        assert client.answer().status == 404
        write(path, b"back")
        expect(b"back")
        assert len(etags) == 6, etags
        path.unlink()
    # By default a look is good for a second.
    write(path, b"first")
    with Server(tool, root) as server, server.client() as client:
        fetch(client, b"/changing.txt", b"first")
        write(root / "new", b"other")
        os.rename(root / "new", path)

        def is_new():
            client.send(get(b"/changing.txt"))
            return client.answer().body == b"other"
        eventually(is_new, "a file that was replaced is not seen")
    path.unlink()


def begun(server, path, **more):
    """A client that has the beginning of an answer, and reads no more."""
    client = server.client(receive_buffer=65536, **more)
    client.send(get(path))
    found = client.head()
    assert found.status == 200
    client.promised = int(found.field(b"Content-Length"))
    return client


def shrinking_and_growing(method):
    path = root / "sized.bin"
    with Server(tool, root, "--method", method, "--valid", "0", "--grace", "1") as server:
        before = server.descriptors()
        write(path, big)
        with begun(server, b"/sized.bin") as client:
            os.truncate(path, 8 * MiB)
            got = client.body(client.promised)
            assert len(got) < client.promised and client.ended(), f"{method}: {len(got)} bytes of a file that was cut off"
            assert big.startswith(got[:4 * MiB])
        write(path, big)
        with begun(server, b"/sized.bin") as client:
            with path.open("ab") as file:
                file.write(b"more")
            assert client.body(client.promised) == big, f"{method}: a file that has grown"
            fetch(client)
        write(path, big)
        with begun(server, b"/sized.bin") as client:
            path.unlink()
            assert client.body(client.promised) == big, f"{method}: a file that was deleted"
        # small.txt stays open; what was deleted too, until somebody asks for it, or for some seconds.
        left = 1 if method == "auto" else 3
        eventually(lambda: server.descriptors() <= before + left, f"{method}: descriptors are left")


def slow_readers():
    with Server(tool, root) as server:
        before = server.descriptors()
        stopped = [begun(server, b"/big.bin") for _ in range(8)]
        with server.client() as other:
            for _ in range(100):
                fetch(other)
        for client in stopped[:4]:
            assert client.body(client.promised) == big, "an answer that was taken up again"
            fetch(client)
        for client in stopped:
            client.close()
        eventually(lambda: server.descriptors() <= before + 2, "descriptors of clients that have gone")
        # Requests behind an answer that waits are answered in their order.
        with begun(server, b"/big.bin") as client:
            client.send((get(b"/small.txt") + get(b"/nothing") + get(b"/big.bin")) * 3 + get(b"/small.txt") * 500)
            assert client.body(client.promised) == big
            for _ in range(3):
                assert client.answer().body == small
                assert client.answer().status == 404
                assert client.answer().body == big
            for _ in range(500):
                assert client.answer().body == small


def time_limits():
    with Server(tool, root, "--request", "1") as server, server.client() as late:
        late.send(b"GET / HTTP/1.1\r\nHost: test\r\n")
        found = late.answer()
        assert found.status == 408 and late.ended()
    with Server(tool, root, "--idle", "1") as server:
        before = server.descriptors()
        idle, stalled = server.client(), begun(server, b"/big.bin")
        fetch(idle)
        unread = begun(server, b"/big.bin")
        unread.send(get(b"/big.bin") * 3)
        assert idle.ended()
        eventually(lambda: server.descriptors() <= before + 2, "clients that do nothing are not let go")
        for client in (stalled, unread):
            assert len(client.body(client.promised)) < client.promised
            client.close()
        idle.close()


def many_clients():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(3000, hard // 2 - 50)
    with Server(tool, root, "--threads", "2") as server:
        before = server.descriptors()
        clients = [server.client() for _ in range(count)]
        for _ in range(2):
            for client in clients:
                client.send(get(b"/small.txt"))
            for client in clients:
                assert client.answer().body == small
        assert server.descriptors() >= before + count
        for client in clients:
            client.close()
        eventually(lambda: server.descriptors() <= before + 4, "descriptors of many clients")
    # More than there are descriptors for: the others wait, and nobody is lost.
    with Server(tool, root, limit=96) as server:
        clients = [server.client() for _ in range(100)]
        for client in clients:
            client.send(get(b"/small.txt", b"Connection: close\r\n"))
        for client in clients:
            assert client.answer().body == small and client.ended()
            client.close()
    with Server(tool, root, "--threads", "2", limit=96) as server:
        clients = []
        for _ in range(100):
            try:
                client = server.client()
                fetch(client)
                clients.append(client)
            except (AttributeError, OSError):  # turned away: no answer
                pass
        assert 40 <= len(clients) < 100, len(clients)
        for client in clients:
            client.close()

        def served_again():
            try:
                return server.ask(get(b"/small.txt"))[0] is not None
            except OSError:
                return False
        eventually(served_again, "nobody is served any more")


def signals():
    with Server(tool, root, "--stats", "--json") as server:
        idle, reading, closing = server.client(), begun(server, b"/big.bin"), server.client(receive_buffer=65536)
        fetch(idle)
        closing.send(get(b"/big.bin", b"Connection: close\r\n"))
        head = closing.head()
        reading.send(get(b"/small.txt"))
        with server.client() as other:  # whose answer says that what was sent before it was read
            fetch(other)
        server.signal()
        assert idle.ended()
        try:
            Client(server.address).close()
            raise AssertionError("the server still listens")
        except ConnectionRefusedError:
            pass
        assert reading.body(reading.promised) == big
        found = reading.answer()
        assert found is None or found.body == small
        assert closing.body(int(head.field(b"Content-Length"))) == big and closing.ended()
        for client in (idle, reading, closing):
            client.close()
        server.stop()
        totals = json.loads(server.rest)
        assert totals["connections"] == 4 and totals["cut_off"] == 0 and totals["answers_2xx"] >= 4, totals
        assert totals["bytes_out"] > 2 * len(big), totals
    with Server(tool, root, "--grace", "1", "--stats") as server:  # who takes nothing does not hold the end up
        client = begun(server, b"/big.bin")
        client.send(get(b"/big.bin") * 2)
        server.stop()
        assert "cut off      1 connection" in server.rest, server.rest
        client.close()


def logs():
    log = work / "log"
    with Server(tool, root, "--log", str(log)) as server:
        with server.client() as client:
            fetch(client)
            client.send(b'GET /no"thing HTTP/1.0\r\n\r\n')
            client.answer()
    lines = log.read_text().splitlines()
    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /small.txt HTTP/1.1" 200 1000', lines[0]), lines
    assert lines[1].endswith('"GET /no\\x22thing HTTP/1.0" 404 14'), lines
    with Server(tool, root, "--log", "-", "--json", "--stats") as server:
        assert json.loads(server.announced)["listening"].startswith("tcp://127.0.0.1:")
        server.ask(get(b"/small.txt"))
        server.ask(b"nonsense\r\n\r\n")
        server.stop()
    first, second, totals = map(json.loads, server.rest.splitlines())
    assert (first["peer"], first["request"], first["status"], first["bytes"]) == ("127.0.0.1", "GET /small.txt HTTP/1.1", 200, 1000), first
    assert second["status"] == 400 and totals["requests"] == 1 and totals["answers_4xx"] == 1, (second, totals)


def main():
    changing_files()
    for method in ("auto", "sendfile", "mmap", "splice", "copy", "direct"):
        shrinking_and_growing(method)
    slow_readers()
    time_limits()
    many_clients()
    signals()
    logs()


main()
