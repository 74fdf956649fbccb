#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What zcnet serve answers to requests of every kind, good and bad. requests.py TOOL FOLDER"""
import os
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from client import Server, get, pattern, write  # noqa: E402

tool, work = sys.argv[1], Path(sys.argv[2])
root = work / "root"
(root / "sub" / "deep").mkdir(parents=True)
(root / "listed").mkdir()
small = write(root / "small.txt", pattern(1000))
large = write(root / "large.bin", pattern(300_000))
write(root / "empty", b"")
index = write(root / "index.html", b"<p>index\n")
deep = write(root / "sub" / "deep" / "a b+%.js", b"deep")
write(work / "secret", b"secret")
write(root / "listed" / "<a:b>&.txt", b"x")
(root / "listed" / "folder").mkdir()
os.symlink("../secret", root / "out")
os.symlink("small.txt", root / "in")
os.symlink("round", root / "round")
os.symlink("..", root / "up")
os.mkfifo(root / "fifo")
with socket.socket(socket.AF_UNIX) as bound:
    bound.bind(str(root / "socket"))

MTIME = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
os.utime(root / "small.txt", (MTIME, MTIME))
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def field(name, value):
    return b"%s: %s\r\n" % (name, value)


def check(server, data, status, what=None, head_only=False, closes=None, body=None, **fields):
    found, ended = server.ask(data, head_only)
    what = what or data[:100]
    assert found is not None, f"{what}: no answer"
    assert found.status == status, f"{what}: {found.status}, not {status}"
    if closes is not None:
        assert ended == closes, f"{what}: the connection was {'ended' if ended else 'kept'}"
    if body is not None:
        assert found.body == body, f"{what}: {len(found.body)} bytes that are not the {len(body)} that were asked for"
    for name, value in fields.items():
        got = found.field(name.replace("_", "-").encode())
        assert got == value, f"{what}: {name} is {got}, not {value}"
    return found


def whole(server):
    found = check(server, get(b"/small.txt"), 200, body=small, Content_Type=b"text/plain; charset=utf-8", Last_Modified=DATE,
                  Accept_Ranges=b"bytes", Connection=None)
    assert found.field(b"Date").endswith(b" GMT")
    check(server, get(b"/large.bin"), 200, body=large, Content_Type=b"application/octet-stream")
    check(server, get(b"/empty"), 200, body=b"")
    check(server, get(b"/"), 200, body=index, Content_Type=b"text/html; charset=utf-8")
    check(server, get(b"/small.txt?query=/../..#".rstrip(b"#")), 200, body=small)
    check(server, get(b"http://test/small.txt"), 200, body=small)
    check(server, get(b"HTTP://test"), 200, body=index)
    for target in (b"/small.txt", b"/large.bin", b"/empty"):
        size = b"%d" % (root / target[1:].decode()).stat().st_size
        check(server, get(target).replace(b"GET", b"HEAD", 1), 200, head_only=True, Content_Length=size)


def paths(server):
    for target in (b"/sub/deep/a%20b+%25.js", b"/sub//deep/./a%20b%2b%25.js", b"/sub/deep/../deep/a%20b+%25.js",
                   b"/sub%2Fdeep%2fa%20b+%25.js", b"/x/../sub/deep/a%20b+%25.js"):
        check(server, get(target), 200, body=deep, Content_Type=b"text/javascript; charset=utf-8")
    for target in (b"/..", b"/../secret", b"/sub/../../secret", b"/%2e%2e/secret", b"/%2e./secret", b"/..%2fsecret",
                   b"/sub/deep/../../../secret", b"/%00", b"/small.txt%00.js", b"/%", b"/%2", b"/%zz", b"/small.txt#part",
                   b"*", b"small.txt", b"ftp://test/", b"http:///small.txt"):
        check(server, get(target), 400)
    for target in (b"/nothing", b"/sub/nothing/x", b"/small.txt/", b"/small.txt/x", b"/small%2etxt%20", b"/nothing/",
                   b"/%c0%ae%c0%ae/secret", b"/%c0%af..%c0%afsecret", b"/%252e%252e/secret", b"/..\\secret",
                   b"/" + b"n" * 300, b"/" + b"n/" * 3000, b"/" + b"n" * 7000):
        check(server, get(target), 404)
    check(server, get(b"/" + b"p" * 10_000), 414, closes=True)
    for target in (b"/out", b"/round", b"/up/secret", b"/fifo", b"/socket", b"/sub/", b"/sub/deep/", b"/listed/"):
        check(server, get(target), 403)
    check(server, get(b"/in"), 200, body=small)
    check(server, get(b"/sub"), 301, Location=b"/sub/")
    check(server, get(b"//sub/deep?a=b"), 301, Location=b"/sub/deep/?a=b")
    if os.geteuid() != 0:
        write(root / "unreadable", b"x")
        os.chmod(root / "unreadable", 0)
        check(server, get(b"/unreadable"), 403)


def ranges(server):
    size = len(large)
    for text, first, last in ((b"bytes=0-0", 0, 0), (b"bytes=100-199", 100, 199), (b"bytes=299999-", size - 1, size - 1),
                              (b"bytes=-1", size - 1, size - 1), (b"bytes=-300001", 0, size - 1), (b"bytes=0-", 0, size - 1),
                              (b"bytes=5-99999999999999999999999999", 5, size - 1), (b"bytes= 7 - 9 ", 7, 9),
                              (b"bytes=-18446744073709551616", 0, size - 1), (b"bytes=70000-140000", 70000, 140000)):
        check(server, get(b"/large.bin", field(b"Range", text)), 206, body=large[first:last + 1],
              Content_Range=b"bytes %d-%d/%d" % (first, last, size))
    check(server, get(b"/small.txt", field(b"Range", b"bytes=10-19")), 206, body=small[10:20])
    for text in (b"bytes=300000-", b"bytes=-0", b"bytes=18446744073709551615-", b"bytes=99999999999999999999999-999999999999999999999999"):
        check(server, get(b"/large.bin", field(b"Range", text)), 416, body=b"", Content_Range=b"bytes */%d" % size)
    check(server, get(b"/empty", field(b"Range", b"bytes=0-")), 416)
    for text in (b"bytes=5-4", b"bytes=", b"bytes=-", b"bytes=a-b", b"lines=1-2", b"bytes=0-1,5-6", b"bytes", b"bytes=1--2", b"bytes=+1-2"):
        check(server, get(b"/small.txt", field(b"Range", text)), 200, body=small)
    check(server, get(b"/large.bin", field(b"Range", b"bytes=0-1")).replace(b"GET", b"HEAD", 1), 200, head_only=True,
          Content_Length=b"%d" % size)


def conditions(server):
    etag = check(server, get(b"/small.txt"), 200).field(b"ETag")
    assert etag.startswith(b'"') and etag.endswith(b'"')
    later, earlier = b"Sun, 06 Nov 1994 08:49:38 GMT", b"Sun, 06 Nov 1994 08:49:36 GMT"
    for name, value, status in (
            (b"If-None-Match", etag, 304), (b"If-None-Match", b"W/" + etag, 304), (b"If-None-Match", b"*", 304),
            (b"If-None-Match", b'"a,b", ' + etag, 304), (b"If-None-Match", b'"other"', 200), (b"If-None-Match", b"nonsense", 200),
            (b"if-none-match", b'"x" ,W/"y",' + etag + b' , "z"', 304),
            (b"If-Modified-Since", DATE, 304), (b"If-Modified-Since", later, 304), (b"If-Modified-Since", earlier, 200),
            (b"If-Modified-Since", b"Sunday, 06-Nov-94 08:49:37 GMT", 304), (b"If-Modified-Since", b"Sun Nov  6 08:49:37 1994", 304),
            (b"If-Modified-Since", b"yesterday", 200), (b"If-Match", etag, 200), (b"If-Match", b"*", 200),
            (b"If-Match", b'"other"', 412), (b"If-Match", b"W/" + etag, 412), (b"If-Unmodified-Since", DATE, 200),
            (b"If-Unmodified-Since", earlier, 412), (b"If-Modified-Since", b"\t" + DATE + b" ", 304),
            (b"If-Unmodified-Since", earlier + b" \t", 412)):
        check(server, get(b"/small.txt", field(name, value)), status, what=(name, value))
    both = field(b"If-None-Match", b'"other"') + field(b"If-Modified-Since", DATE)
    check(server, get(b"/small.txt", both), 200)
    part = field(b"Range", b"bytes=0-9")
    for value, status in ((etag, 206), (b'"other"', 200), (b"W/" + etag, 200), (DATE, 206), (DATE + b" ", 206), (later, 200), (b"nonsense", 200)):
        check(server, get(b"/small.txt", part + field(b"If-Range", value)), status, what=(b"If-Range", value))
    check(server, get(b"/nothing", field(b"If-None-Match", b"*")), 404)


def malformed(server):
    for data in (b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP\r\n\r\n", b"GET / HTTP/1.x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\n",
                 b"GET /\0 HTTP/1.1\r\nHost: test\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", b"GET / HTTP/1.1\r\nA\0: b\r\n\r\n",
                 b"GET / HTTP/1.1\r\n: b\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                 *(get(b"/", field(b"Transfer-Encoding", coding)) + get(b"/small.txt") for coding in
                   (b"gzip", b"identity", b"xchunked", b"chunked, identity", b""))):
        check(server, data, 400, closes=True)
    for fields in (b"", b"Host: a\r\nHost: b\r\n"):
        check(server, b"GET / HTTP/1.1\r\n" + fields + b"\r\n", 400)
    for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.1"):
        check(server, b"GET / " + version + b"\r\nHost: test\r\n\r\n", 505)
    check(server, b"GET /\r\n\r\n", 505)
    for fields in (field(b"Cookie", b"c" * 100_000), b"".join(b"X-%d: %s\r\n" % (i, b"v" * 100) for i in range(1000))):
        check(server, get(b"/", fields), 431, closes=True)
    check(server, get(b"/", field(b"Cookie", b"c" * 20_000)), 200)
    # Lines without an end, of which the rest is not looked at: as the first of a request, in one, and in front of one.
    check(server, b"GET /" + b"x" * 1_000_000, 414, closes=True)
    check(server, b"GET / HTTP/1.1\r\nHost: test\r\nCookie: " + b"c" * 3_000_000, 431, closes=True)
    check(server, b"GET /" + b"x" * 1_000_000 + b"\r\n\r\n" + get(b"/"), 414, closes=True)


def methods(server):
    for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"):
        target = b"test:80" if method == b"CONNECT" else b"/"
        check(server, method + b" " + target + b" HTTP/1.1\r\nHost: test\r\n\r\n", 405, Allow=b"GET, HEAD", closes=False)
    check(server, b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", 405)
    check(server, b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 30\r\n\r\nGET /small.txt HTTP/1.1\r\nHost:", 405, closes=True)
    check(server, b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 405, closes=True)
    check(server, get(b"/small.txt", b"Content-Length: 3\r\n") + b"abc", 200, body=small, closes=True)
    check(server, get(b"/small.txt", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"), 200, body=small, closes=False)


def persistence(server):
    check(server, get(b"/small.txt", b"Connection: close\r\n"), 200, closes=True, body=small)
    check(server, get(b"/large.bin", b"Connection: close\r\n"), 200, closes=True, body=large)
    check(server, b"GET /small.txt HTTP/1.0\r\n\r\n", 200, closes=True, body=small)
    check(server, b"GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, closes=False, Connection=b"keep-alive")
    with server.client() as client:  # many on one connection, one after the other and all at once
        for _ in range(3):
            client.send(get(b"/small.txt"))
            assert client.answer().body == small
        targets = [(b"/small.txt", small), (b"/nothing", None), (b"/large.bin", large), (b"/empty", b"")] * 25
        client.send(b"".join(get(target) for target, _ in targets))
        for target, body in targets:
            found = client.answer()
            assert found.status == (404 if body is None else 200) and body in (None, found.body), target
        client.send(get(b"/small.txt").replace(b"\r\n", b"\n"))
        assert client.answer().body == small, "lines that end with a line feed alone"
        for byte in b"\r\n" + get(b"/small.txt"):
            client.send(bytes([byte]))
        assert client.answer().body == small, "a request byte by byte"
        data = get(b"/large.bin", field(b"If-None-Match", b'"x"') + field(b"Range", b"bytes=3-8"))
        for cut in range(1, len(data), 7):
            client.send(data[:cut])
            client.send(data[cut:])
            assert client.answer().body == large[3:9], f"a request that is cut at {cut}"
        client.send(get(b"/small.txt", b"Connection: close\r\n") + get(b"/small.txt"))
        assert client.answer().body == small and client.ended(), "an answer behind the last one"
    with server.client() as client:  # who sends no more still gets everything
        client.send(get(b"/large.bin") * 20)
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(20):
            assert client.answer().body == large
        assert client.ended()


def main():
    with Server(tool, root, "--idle", "60") as server:
        before = server.descriptors()
        for part in (whole, paths, ranges, conditions, malformed, methods, persistence):
            part(server)
        with server.client() as client:
            client.send(get(b"/small.txt"))
            client.answer()
        # Open files: small.txt, large.bin, empty, index.html, a.js, in.
        assert server.descriptors() <= before + 6 + 1, f"{server.descriptors()} descriptors, {before} at first"
    with Server(tool, root, "--list", "--symlinks", "never") as server:
        for target in (b"/in", b"/out", b"/up/secret", b"/up/root/small.txt"):
            check(server, get(target), 403)
        page = check(server, get(b"/listed/"), 200, Content_Type=b"text/html; charset=utf-8").body
        assert b'<a href="./%3Ca%3Ab%3E%26.txt">&lt;a:b&gt;&amp;.txt</a>' in page and b'"./folder/"' in page, page
        check(server, get(b"/listed/%3Ca%3Ab%3E%26.txt"), 200, body=b"x")
        check(server, get(b"/"), 200, body=index)
    with Server(tool, root, "--symlinks", "anywhere") as server:
        check(server, get(b"/out"), 200, body=b"secret")
        check(server, get(b"/../secret"), 400)
    for method in ("sendfile", "mmap", "splice", "copy", "direct"):
        with Server(tool, root, "--method", method, "--threads", "2", address=f"unix://{work}/at") as server:
            for _ in range(4):
                check(server, get(b"/large.bin"), 200, body=large)
                check(server, get(b"/large.bin", field(b"Range", b"bytes=66000-299998")), 206, body=large[66000:299999])


main()
