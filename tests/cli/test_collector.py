"""`lbstudy run`: which Collector it sends to; the study itself is a stand-in."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from lbstudy.stack.ports import Ports
from lbstudy.stack.state import StackState, Started, write_state

from tests.ports import free_port

Command = Callable[..., Any]


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def planned(lbstudy: Command, *arguments: str) -> tuple[Any, str]:
    done = lbstudy("run", "quick", "--dry-run", "--json", *arguments)
    assert done.code == 0, done.err
    return json.loads(done.out)["collector"], done.err


def stack_up(port: int) -> None:
    """What `lbstudy stack up` leaves; this process stands in for its Collector."""
    this = psutil.Process()
    folder = Path("runs/.stack")
    folder.mkdir(parents=True)
    part = Started("otel-collector", this.pid, this.create_time(), this.exe())
    write_state(folder, StackState(Ports(otlp_grpc=port), "memory", (part,)))


def test_a_run_is_sent_nowhere_unless_asked(lbstudy: Command) -> None:
    assert planned(lbstudy)[0] is None


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_endpoint_that_was_asked_for(lbstudy: Command, listener: int, scheme: str) -> None:
    collector, err = planned(lbstudy, "--otlp", f"{scheme}127.0.0.1:{listener}")
    assert collector == {"endpoint": f"http://127.0.0.1:{listener}", "jaeger": None, "prometheus": None}
    assert "127.0.0.1" not in err
    assert (
        f"Collector at http://127.0.0.1:{listener}.\n"
        in lbstudy("run", "quick", "--dry-run", "--otlp", f"{scheme}127.0.0.1:{listener}").out
    )


def test_tls_is_kept(lbstudy: Command, listener: int) -> None:
    assert planned(lbstudy, "--otlp", f"https://localhost:{listener}/")[0]["endpoint"] == (
        f"https://localhost:{listener}"
    )


def test_nobody_there_is_a_note(lbstudy: Command, listener: int) -> None:
    port = free_port()
    assert (
        f"note: no Collector answers at http://127.0.0.1:{port} yet"
        in planned(lbstudy, "--otlp", f"127.0.0.1:{port}")[1]
    )


@pytest.mark.parametrize(
    "endpoint",
    ["", "x", "127.0.0.1", "ftp://127.0.0.1:1", "http://127.0.0.1:0", "http://127.0.0.1:99999",
     "http://127.0.0.1:4317/v1/traces", "http://me@127.0.0.1:4317", "http://[::1:4317"],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused_in_one_line(lbstudy: Command, endpoint: str) -> None:
    done = lbstudy("run", "quick", "--dry-run", "--otlp", endpoint)
    assert done.code == 2
    assert done.line().startswith(
        "--otlp: expected an OTLP/gRPC endpoint, such as http://127.0.0.1:4317, found "
    )


def test_the_stack_that_is_up_is_sent_to_by_itself(lbstudy: Command, listener: int) -> None:
    stack_up(listener)
    collector, err = planned(lbstudy)
    assert collector == {
        "endpoint": f"http://127.0.0.1:{listener}",
        "jaeger": "http://127.0.0.1:16686",
        "prometheus": "http://127.0.0.1:9090",
    }
    assert f"note: the stack is up: everything is sent to http://127.0.0.1:{listener} too" in err
    # Asked for by its address it is the same one; another is another.
    assert planned(lbstudy, "--otlp", f"127.0.0.1:{listener}")[0] == collector
    assert planned(lbstudy, "--otlp", "127.0.0.1:1")[0]["jaeger"] is None


def test_not_with_no_otlp(lbstudy: Command, listener: int) -> None:
    stack_up(listener)
    assert planned(lbstudy, "--no-otlp")[0] is None
    done = lbstudy("run", "quick", "--no-otlp", "--otlp", "127.0.0.1:1")
    assert (done.code, done.line()) == (2, "--otlp and --no-otlp contradict each other")


def test_beside_a_collector_on_the_stacks_port_is_what_answers_there(
    lbstudy: Command, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `docker compose up`, which leaves no state."""
    with socket.create_server(("127.0.0.1", 0)) as jaeger:
        ports = {
            "OTLP_GRPC": listener,
            "JAEGER": jaeger.getsockname()[1],
            "PROMETHEUS": free_port(),
        }
        for name, port in ports.items():
            monkeypatch.setenv(f"LBSTUDY_{name}_PORT", str(port))
        assert planned(lbstudy, "--otlp", f"localhost:{listener}")[0] == {
            "endpoint": f"http://localhost:{listener}",
            "jaeger": f"http://127.0.0.1:{ports['JAEGER']}",
            "prometheus": None,
        }
        # Nothing is sent without being asked for, and what is elsewhere is another's.
        assert planned(lbstudy)[0] is None
        assert planned(lbstudy, "--otlp", "127.0.0.1:1")[0]["jaeger"] is None
