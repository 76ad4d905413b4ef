"""`lbstudy doctor`: what is here and what is missing, seen from the real thing where it can be."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.venues import software
from lbstudy.venues.local import network

Command = Callable[..., Any]


def test_doctor_tells_of_everything(lbstudy: Command) -> None:
    done = lbstudy("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(done.out)}
    assert set(checks) >= {
        "Python",
        "grpcio",
        "packages",
        "instrumentor",
        "loopback",
        "port",
        "DNS resolver",
        "cores",
        "memory",
        "disk",
        "open files",
        "write permission",
        "terminal",
    }
    assert all(check["status"] in {"ok", "note", "missing"} and check["found"] for check in checks.values())
    assert done.code == (1 if any(check["status"] == "missing" for check in checks.values()) else 0)
    for name in ("Python", "packages", "instrumentor", "stubs", "loopback", "DNS resolver"):
        assert checks[name]["status"] == "ok", checks[name]


def test_doctor_as_text_has_a_line_for_each_check(lbstudy: Command) -> None:
    names = [check["name"] for check in json.loads(lbstudy("doctor", "--json").out)]

    lines = lbstudy("doctor").out.splitlines()

    assert [line[9:].split("  ")[0].strip() for line in lines if not line.startswith(" ")] == names


@pytest.mark.parametrize(("resolver", "status"), [("ares", "ok"), ("native", "missing")])
def test_the_resolver_is_judged_by_the_query_that_arrives(resolver: str, status: str) -> None:
    # gRPC reads the variable once a process; `native` asks the system's DNS server instead of the one named.
    lines = ("from lbstudy.venues.local import network", "network.PROBE_TIMEOUT = 2.0")
    program = "\n".join((*lines, "print(network.resolver().status)"))

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"GRPC_DNS_RESOLVER": resolver},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == status, done.stderr


def test_a_port_that_is_taken_everywhere_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same check on a port of our own choosing: 50051 may be in use by who knows whom.
    with socket.socket() as taken:
        taken.bind((network.ADDRESSES[-1], 0))
        taken.listen()
        monkeypatch.setattr(network, "SERVER_PORT", taken.getsockname()[1])
        assert network.port().status == "missing"
    assert network.port().status == "ok"


def test_an_address_that_cannot_be_bound_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "ADDRESSES", ("127.0.0.1", "192.0.2.1"))  # TEST-NET-1: nobody's

    check = network.loopback()

    assert check.status == "missing"
    assert "192.0.2.1" in check.found


def test_another_grpcio_than_the_documented_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "version", lambda _: "1.99.0")

    check = software.grpcio()

    assert check.status == "note"
    assert "1.99.0" in check.found


def test_doctor_fails_when_something_is_missing(
    lbstudy: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(network, "ADDRESSES", ("192.0.2.1",))

    done = lbstudy("doctor")

    assert done.code == 1
    assert "missing  loopback" in done.out
    assert "→ each server gets a loopback address of its own" in done.out
