import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the lab is a package of the tests

from tests.discovery.lab.client import Probe
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.echo_servers import EchoServers
from tests.discovery.lab.outcome import Programs


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    server = DnsServer().start()
    yield server
    server.stop()


@pytest.fixture
def echo() -> Iterator[EchoServers]:
    servers = EchoServers()
    yield servers
    servers.close()


MakeProbe = Callable[..., Probe]


@pytest.fixture
def make_probe(tmp_path: Path) -> Iterator[MakeProbe]:
    probes: list[Probe] = []
    number = itertools.count()

    def make(*arguments: str, env: dict[str, str] | None = None) -> Probe:
        probes.append(Probe(tmp_path / f"grpc-{next(number)}.log", *arguments, env=env))
        return probes[-1]

    yield make
    for probe in probes:
        probe.close()


@pytest.fixture
def probe(make_probe: MakeProbe) -> Probe:
    return make_probe()


@pytest.fixture
def programs(tmp_path: Path, dns_server: DnsServer, echo: EchoServers) -> Programs:
    """Small programs, with a server to call and a DNS server that knows it."""
    echo.start("127.0.71.1")
    dns_server.set("servers.test", "127.0.71.1")
    return Programs(tmp_path, f"dns://127.0.0.1:{dns_server.port}/servers.test:{echo.port}")
