"""What the kernel tells of the tap's sockets."""

import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from grpc_lb_instrumentor.discovery.tap import kernel

from tests.discovery.lab.client import PATIENCE
from tests.ports import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        kernel.prepare_listener(udp)
        await_stamps(udp)
        yield udp


def await_stamps(udp: socket.socket) -> None:
    """Until the kernel stamps packets as they come.

    It begins a while after the first socket asks for it, and stamps them as they are read until then.
    """
    give_up = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        while time.monotonic() < give_up:
            client.sendto(b"stamped?", udp.getsockname())
            select.select([udp], [], [], PATIENCE)
            unread = time.time_ns()
            if any(at < unread for at, _, _ in kernel.received(udp)):
                return
    raise AssertionError("the kernel does not stamp packets as they come")


def test_a_query_is_stamped_when_it_comes_not_when_it_is_read(listener: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        before = time.time_ns()
        client.sendto(b"query", listener.getsockname())
        select.select([listener], [], [], PATIENCE)
        unread = time.time_ns()
        ((at, packet, _),) = kernel.received(listener)
    assert packet == b"query"
    assert before <= at < unread


def test_an_answer_to_a_closed_socket_comes_back(listener: socket.socket) -> None:
    peer = ("127.0.0.1", free_port())
    kernel.send(listener, b"late answer", peer)
    poll = select.poll()
    poll.register(listener, select.POLLERR)
    assert poll.poll(PATIENCE * 1000)
    assert list(kernel.undelivered(listener)) == [(b"late answer", peer)]
    # The error does not stand in the way of what comes next, in either direction.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(PATIENCE)
        kernel.send(listener, b"lost", peer)
        kernel.send(listener, b"answer", client.getsockname())
        assert client.recv(100) == b"answer"
        client.sendto(b"query", listener.getsockname())
        select.select([listener], [], [], PATIENCE)
        assert [packet for _, packet, _ in kernel.received(listener)] == [b"query"]


def test_open_ports(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    ports = kernel.OpenPorts()
    before = ports.read({port})
    listener.close()
    after = ports.read()
    assert before is not None
    assert after is not None
    assert port in before
    assert port not in after


class Table:
    """A table of sockets; each time that it is read, the kernel tells these lines of it."""

    def __init__(self, *told: str) -> None:
        self._told = list(told)
        self.left = self._told

    def read_bytes(self) -> bytes:
        ports = self._told.pop(0).split()
        return "\n".join(["  sl  local_address", *(f"  1: 0100007F:{port} 0" for port in ports)]).encode()


def open_ports(table: Table) -> kernel.OpenPorts:
    return kernel.OpenPorts(cast("Path", table))


def test_a_port_that_the_kernel_passed_over_is_looked_for_again() -> None:
    """It tells a page at a time; a socket that closes in between takes the next one out of the list."""
    table = Table("000A 000C", "000A 000B 000C", "0001")
    assert open_ports(table).read({11, 12}) == frozenset({10, 11, 12})
    assert table.left == ["0001"]  # and not longer than needed
    closed = Table(*["000A"] * 9)
    assert open_ports(closed).read({11}) == frozenset({10})
    assert len(closed.left) == 6
