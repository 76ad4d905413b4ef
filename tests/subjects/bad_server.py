"""A server that does what servers must not do: its first argument says what; where, the second."""
# mypy: ignore-errors

import os
import signal
import socket
import sys
import time

how, address = sys.argv[1:]
host, port = address.rsplit(":", 1)


def listen(at_host, at_port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((at_host, int(at_port)))
    listener.listen(100)
    return listener


def serve(*where):
    """Accept connections, and say nothing on them."""
    listener, kept = listen(*where), []
    while True:
        kept.append(listener.accept())


match how:
    case "exits":
        sys.exit("cannot read config.yaml: no such file")
    case "silent":
        time.sleep(3600)
    case "elsewhere":
        serve(host, 40404)
    case "everywhere":
        serve("0.0.0.0", port)
    case "background":
        if os.fork() == 0:
            os.setsid()
            serve(host, port)
    case "wild":  # it does not end when told to, but the first one dies in the midst of the load
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("{no JSON", flush=True)
        try:
            os.close(os.open("first", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            serve(host, port)
        listener, preface = listen(host, port), b""
        while not preface.startswith(b"PRI * HTTP/2"):  # the probe's connections come and go
            connection, _ = listener.accept()
            stream = connection.makefile("rb")
            preface = stream.read(24)
        connection.sendall(b"\0\0\0\4\0\0\0\0\0")  # HTTP/2's SETTINGS, without which no RPC is sent
        kind = None
        while kind != 1:  # HEADERS: the first RPC
            head = stream.read(9)
            kind = head[3]
            stream.read(int.from_bytes(head[:3], "big"))
        os.kill(os.getpid(), signal.SIGKILL)
