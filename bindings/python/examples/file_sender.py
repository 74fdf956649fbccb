#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends files, each as one message, and the answer to each is its number of bytes and their CRC-32. The kernel sends the
bytes from where the file stands.

Usage: file_sender.py serve ADDRESS           receives
       file_sender.py send ADDRESS FILE…      sends
"""
import os
import sys
import zlib

import zcnet

FRAMING = zcnet.Framing("length,width=8,strip=8,max=4G")


def description(size, crc):
    return size.to_bytes(8, "big") + crc.to_bytes(4, "big")


def serve(address):
    with zcnet.Loop() as loop:
        print(loop.listen(address, FRAMING).address, flush=True)
        for event in loop.events():
            if event.type == zcnet.EventType.MESSAGE:
                data = event.message.data
                try:
                    event.conn.send(description(len(data), zlib.crc32(data)))
                except zcnet.Error:
                    event.conn.abort()


def send_file(conn, path):
    """Queues a file, and says what its answer has to be."""
    with zcnet.File(path) as file:
        crc, at = 0, 0
        while block := os.pread(file.fileno(), 1 << 20, at):
            crc, at = zlib.crc32(block, crc), at + len(block)
        conn.send(zcnet.Unit().append_file(file))
        return description(len(file), crc)


def send(address, *paths):
    left = list(paths)
    with zcnet.Loop() as loop:
        conn = loop.connect(address, FRAMING)
        for event in loop.events():
            if event.type == zcnet.EventType.CLOSED:
                if left:
                    raise conn.error
                return
            if event.type == zcnet.EventType.MESSAGE:
                path = left.pop(0)
                if bytes(event.message) != expected:
                    sys.exit(f"{path} was damaged on its way")
                print(f"{os.path.basename(path)}: {int.from_bytes(expected[:8], 'big')} bytes")
            elif event.type != zcnet.EventType.CONNECTED:
                continue
            if left:
                expected = send_file(conn, left[0])
            else:
                conn.close()


if __name__ == "__main__":
    words = sys.argv[1:]
    try:
        if len(words) == 2 and words[0] == "serve":
            serve(words[1])
        elif len(words) > 2 and words[0] == "send":
            send(*words[1:])
        else:
            print("usage: file_sender.py serve ADDRESS | send ADDRESS FILE...", file=sys.stderr)
            sys.exit(2)
    except zcnet.Error as error:
        sys.exit(f"file_sender: {error}")
    except KeyboardInterrupt:
        pass
