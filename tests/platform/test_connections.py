"""Connections as the kernel shows them: real sockets, and what is made of them from look to look."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from lbstudy.platform.local.connections import ConnectionWatch, SeenConnections, Socket, SocketTable, owners


def table(*sockets: Socket) -> dict[int, Socket]:
    return {one.inode: one for one in sockets}


A, B = Socket(1, "c:1", "s:9"), Socket(2, "c:2", "s:9")


def test_what_comes_and_goes_is_told_once_each() -> None:
    asked: list[set[int]] = []

    def of(inodes: set[int]) -> dict[int, str]:
        asked.append(set(inodes))
        return {1: "client"} if 1 in inodes else {}

    seen = SeenConnections(of)  # type: ignore[arg-type]  # a set is one
    assert [(one.state, one.local, one.at) for one in seen.look(table(A, B), 10, 0.1)] == [
        ("open", "c:1", 10)
    ]
    assert seen.look(table(A, B), 11, 0.1) == []
    assert asked == [{1, 2}]  # each socket's owner is looked up once, that of others' too
    (gone,) = seen.look(table(B), 12, 0.3)
    assert (gone.state, gone.remote, gone.error) == ("closed", "s:9", 0.3)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_connection_of_either_family(family: socket.AddressFamily) -> None:
    """gRPC's sockets are of IPv6, also to an address of IPv4."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
        port = server.getsockname()[1]
        client.connect((host, port))
        with closing(SocketTable()) as kernel:
            found = list(kernel.to({(port, socket.inet_aton("127.0.0.1"))}))
            assert list(kernel.to(set())) == []
        own = f"127.0.0.1:{client.getsockname()[1]}"
        assert [(one.local, one.remote) for one in found] == [(own, f"127.0.0.1:{port}")]
        assert owners({found[0].inode}, {"me": os.getpid(), "nobody": 2**22}) == {found[0].inode: "me"}


def test_a_socket_of_a_process_that_the_client_has_started(tmp_path: Path) -> None:
    """As a client behind a launcher is: npm, go run."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        child = (
            "import socket,sys; s=socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
        )
        launcher = "import subprocess,sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
        command = [sys.executable, "-c", launcher, child, address.rpartition(":")[2]]
        with (
            subprocess.Popen(command, stdin=subprocess.PIPE) as process,
            closing(server.accept()[0]),
            closing(SocketTable()) as kernel,
        ):
            watch = ConnectionWatch(tmp_path / "log", lambda: {"client": process.pid}, lambda: {address})
            log = StringIO()
            watch.look(kernel, log)
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
            watch.look(kernel, log)
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["state"], one["pod"], one["remote"]) for one in told] == [
        ("watched", "client", ""),
        ("open", "client", address),
        ("closed", "client", address),
    ]
