"""The supervisor and its tap by themselves, without gRPC."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.rcode
import pytest
from grpc_lb_instrumentor.discovery.supervisor import TapSupervisor
from grpc_lb_instrumentor.discovery.tap import spawn
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import Address

from tests.discovery.lab.client import PATIENCE
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.queries import ask, ask_retrying, query
from tests.ports import free_port

NAME = "servers.test"


class Reports:
    """A supervisor and what it reports."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.news = threading.Condition()
        self.supervisor = TapSupervisor(self._take, lambda _: None)

    def _take(self, _: Address, report: Report) -> None:
        with self.news:
            self.reports.append(report)
            self.news.notify_all()

    def wait(self, count: int) -> Report:
        with self.news:
            assert self.news.wait_for(lambda: len(self.reports) >= count, PATIENCE)
        return self.reports[count - 1]


@pytest.fixture
def reports() -> Iterator[Reports]:
    made = Reports()
    yield made
    made.supervisor.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the port that every line shares is Linux's")
def test_the_shared_port_is_none_that_the_kernel_hands_out(reports: Reports) -> None:
    """It is taken on every loopback address: no server may want it, as one wants 50051, an ephemeral port."""
    port = reports.supervisor.listen(Address("127.0.0.1", 53))
    assert port is not None
    _, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert port.port > last


def test_a_tap_that_dies_again_and_again_becomes_a_thread(
    reports: Reports,
    dns_server: DnsServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Twice, at a load of 100, the second report did not come: the next time it is to be seen why.
    caplog.set_level(logging.DEBUG, "grpc_lb_instrumentor")
    dns_server.set(NAME, "127.0.71.1")
    port = reports.supervisor.listen(Address("127.0.0.1", dns_server.port))
    assert port is not None
    ask(port.port, query(NAME))
    assert reports.wait(1).addresses == ("127.0.71.1",)

    monkeypatch.setattr(spawn, "_BOOT", "raise SystemExit(1)")
    assert reports.supervisor.pid is not None
    os.kill(reports.supervisor.pid, signal.SIGKILL)
    # The query waits in the port's queue until the thread serves it.
    answer = ask(port.port, query(NAME))
    assert answer.rcode() == dns.rcode.NOERROR
    assert reports.wait(2).addresses == ("127.0.71.1",)
    assert reports.supervisor.pid is None


def test_nameservers_are_tried_in_turn(
    reports: Reports, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, failing and silent nameservers before a good one, over UDP; refused over TCP."""
    dns_server.set(NAME, "127.0.71.1")
    failing, silent = DnsServer().start(), DnsServer().start()
    try:
        failing.set(NAME, rcode=dns.rcode.SERVFAIL)
        silent.set(NAME, dropped=frozenset({"A"}))
        closed = free_port()
        ports = (closed, failing.port, silent.port, dns_server.port)
        use_nameservers(monkeypatch, ports)
        port = reports.supervisor.listen(None)
        assert port is not None
        answer = ask_retrying(port.port, query(NAME))  # the first try ends at the silent one
        assert [str(record) for record in answer.answer[0]] == ["127.0.71.1"]
        assert [len(server.asked) for server in (failing, silent, dns_server)] == [1, 1, 1]
        assert reports.wait(1).addresses == ("127.0.71.1",)

        answer = ask(
            port.port, query(NAME), tcp=True
        )  # TCP has no retry: the silent one is given up after a while
        assert [str(record) for record in answer.answer[0]] == ["127.0.71.1"]
    finally:
        failing.stop()
        silent.stop()


def test_no_nameserver_there_fails_at_once(reports: Reports) -> None:
    port = reports.supervisor.listen(Address("127.0.0.1", free_port()))
    assert port is not None
    assert ask(port.port, query(NAME)).rcode() == dns.rcode.SERVFAIL
    assert reports.wait(1).result == "servfail"


def use_nameservers(monkeypatch: pytest.MonkeyPatch, ports: tuple[int, ...]) -> None:
    """The tap process reads the system's resolv.conf: give it another list instead."""
    servers = ",".join(f"Address('127.0.0.1',{port})" for port in ports)
    patched = spawn._BOOT.replace(
        "main(link, parent)",
        "from grpc_lb_instrumentor.discovery.tap import nameservers\n"
        "from grpc_lb_instrumentor.discovery.targets import Address\n"
        f"nameservers.ResolvConf.servers = lambda self: ({servers},)\n"
        "main(link, parent)",
    )
    monkeypatch.setattr(spawn, "_BOOT", patched)


def test_the_tap_imports_neither_grpc_nor_opentelemetry() -> None:
    boot = spawn._BOOT.replace("main(link, parent)", "print(sorted(sys.modules))")
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", boot, spawn._arguments(0)],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    modules = run.stdout
    assert "'grpc_lb_instrumentor.discovery.tap.process'" in modules
    assert not any(f"'{name}'" in modules for name in ("grpc", "opentelemetry", "psutil"))
