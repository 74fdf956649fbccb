#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages over TLS: a stream over the ssl module.

Usage: tls_echo.py serve HOST:PORT CERT KEY       echoes, a thread a connection; prints its address
       tls_echo.py ask HOST:PORT CERT WORD…       trusts CERT alone, for "localhost"; prints the answers with their sizes
"""
import socket
import ssl
import sys
import threading

import zcnet

FRAMING = zcnet.Framing("length,width=4,strip=4,max=1M")


def write_to(sock):
    """What Stream.flush() calls with what is to be written."""
    return lambda views: sock.send(views[0])


def echo(context, plain):
    try:
        with context.wrap_socket(plain, server_side=True) as sock, zcnet.Stream(FRAMING) as stream:
            while data := sock.recv(65536):
                for event in stream.feed(data):
                    if event.type == zcnet.EventType.MESSAGE:
                        stream.send(event.message)
                    elif event.error is not None:
                        raise event.error
                    stream.flush(write_to(sock))
    except (OSError, zcnet.Error) as error:
        print(f"a connection ended: {error}", file=sys.stderr)


def address_of(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def serve(address, cert, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    with socket.create_server(address_of(address)) as listener:
        print("{}:{}".format(*listener.getsockname()[:2]), flush=True)
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=echo, args=(context, plain), daemon=True).start()


def ask(address, cert, *words):
    context = ssl.create_default_context(cafile=cert)
    plain = socket.create_connection(address_of(address))
    with context.wrap_socket(plain, server_hostname="localhost") as sock, zcnet.Stream(FRAMING) as stream:
        for word in words:
            stream.send(word.encode())
        stream.flush(write_to(sock))
        missing = len(words)
        while missing and (data := sock.recv(65536)):
            for event in stream.feed(data):
                print(len(event.message), bytes(event.message).decode())
                missing -= 1
        try:
            sock.unwrap()  # the end in order
        except OSError:
            pass
    if missing:
        sys.exit("tls_echo: the connection ended")


if __name__ == "__main__":
    words = sys.argv[1:]
    try:
        if len(words) == 4 and words[0] == "serve":
            serve(*words[1:])
        elif len(words) > 3 and words[0] == "ask":
            ask(*words[1:])
        else:
            print("usage: tls_echo.py serve HOST:PORT CERT KEY | ask HOST:PORT CERT WORD...", file=sys.stderr)
            sys.exit(2)
    except (OSError, zcnet.Error) as error:
        sys.exit(f"tls_echo: {error}")
    except KeyboardInterrupt:
        pass
