"""Which loopback addresses a study takes."""

import socket
from collections.abc import Iterator

import pytest
from lbstudy.platform.interface import PlatformError
from lbstudy.platform.local.addresses import AddressPool


@pytest.fixture
def pool() -> Iterator[AddressPool]:
    made = AddressPool()
    yield made
    made.release()


def listening(address: str) -> socket.socket:
    return socket.create_server((address, 0))


def test_an_address_whose_port_is_taken_is_left_out(pool: AddressPool) -> None:
    block = pool.take().rpartition(".")[0]
    with listening(f"{block}.2") as taken:
        assert pool.take(taken.getsockname()[1]) == f"{block}.3"


def test_a_port_taken_everywhere_is_told_at_once(pool: AddressPool) -> None:
    block = pool.take().rpartition(".")[0]
    with listening("0.0.0.0") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PlatformError, match=f"port {port} is taken on every loopback address: a program"):
            pool.take(port)
    assert pool.take(port) == f"{block}.3"  # the rest of the addresses are still there


def test_two_studies_have_no_address_in_common(pool: AddressPool) -> None:
    other = AddressPool()
    blocks = {one.take().rpartition(".")[0] for one in (pool, other)}
    other.release()
    assert len(blocks) == 2
