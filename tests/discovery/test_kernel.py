"""What the kernel tells of the tap's sockets."""

import select
import socket
import time
from collections.abc import Iterator

import pytest
from grpc_lb_instrumentor.discovery.tap import kernel

from tests.discovery.lab.client import PATIENCE


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        kernel.prepare_listener(udp)
        yield udp


def test_a_query_is_stamped_when_it_comes_not_when_it_is_read(listener: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        before = time.time_ns()
        client.sendto(b"query", listener.getsockname())
        after = time.time_ns()
        select.select([listener], [], [], PATIENCE)
        time.sleep(0.05)  # what is tested: that the reader's delay is not in the stamp
        ((at, packet, _),) = kernel.received(listener)
    assert packet == b"query"
    assert before <= at
    assert at - after < 40_000_000


def test_an_answer_to_a_closed_socket_comes_back(listener: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        peer = client.getsockname()
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
    before = ports.read()
    listener.close()
    after = ports.read()
    assert before is not None
    assert after is not None
    assert port in before
    assert port not in after
