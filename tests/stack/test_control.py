"""``lbstudy stack``: the command as a user types it, with the real programs."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from lbstudy.stack.ports import Ports
from lbstudy.stack.running import Endpoints, running_stack
from lbstudy.stack.state import STATE_FILE, read_state

from tests.programs import Process
from tests.stack.parts import GUARD, free_ports, need
from tests.stack.pod import eventually

COMMAND = Path(sys.executable).with_name("lbstudy")
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ports() -> Ports:
    return free_ports()


@pytest.fixture
def lbstudy(tmp_path: Path, ports: Ports) -> Iterator[Command]:
    """Runs ``lbstudy stack …`` in an empty folder; what still runs at the end is ended."""

    def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, "stack", *arguments],
            cwd=tmp_path,
            env={**os.environ, **ports.environment(), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * GUARD,
            check=False,
        )

    yield command
    command("down")


def pids(tmp_path: Path) -> dict[str, int]:
    state = read_state(tmp_path / "runs/.stack")
    return {} if state is None else {one.name: one.pid for one in state.parts}


def commands_with(text: str) -> list[str]:
    """The processes that were started with it, or have it in their environment."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if text in " ".join([*one.cmdline(), *one.environ().values()]):
                found.append(" ".join(one.cmdline()))
    return found


def test_up_status_down(lbstudy: Command, tmp_path: Path, ports: Ports) -> None:
    need("otelcol", "jaeger", "prometheus")

    up = lbstudy("up")

    assert up.returncode == 0, up.stderr
    for where in (f"OTLP/gRPC  http://127.0.0.1:{ports.otlp_grpc}", f"http://127.0.0.1:{ports.prometheus}"):
        assert where in up.stdout
    started = pids(tmp_path)
    assert set(started) >= {"prometheus", "jaeger", "otel-collector"}
    listening = {
        one.laddr
        for pid in started.values()
        for one in psutil.Process(pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    assert {port for _, port in listening} <= set(map(int, ports.environment().values()))
    found = running_stack(tmp_path / "runs/.stack")
    assert found == Endpoints.of(ports, grafana=shutil.which("grafana") is not None)

    status = lbstudy("status", "--json")
    shown: dict[str, Any] = json.loads(status.stdout)
    assert (status.returncode, shown["up"]) == (0, True)

    # Once more: what died is started again, the rest stays as it is.
    psutil.Process(started["jaeger"]).kill()
    assert lbstudy("status").returncode == 1
    assert lbstudy("up").returncode == 0
    again = pids(tmp_path)
    assert again["jaeger"] != started["jaeger"]
    assert again["prometheus"] == started["prometheus"]
    assert len(again) == len(started)

    elsewhere = lbstudy("up", LBSTUDY_PROMETHEUS_PORT=str(free_ports().prometheus))
    assert elsewhere.returncode == 1
    assert "a stack with other ports or storage runs there" in elsewhere.stderr

    down = lbstudy("down")

    assert down.returncode == 0
    assert down.stderr.startswith("lbstudy: stopped prometheus, otel-collector, jaeger")
    assert not any(psutil.pid_exists(pid) for pid in again.values())
    assert running_stack(tmp_path / "runs/.stack") is None
    gone = lbstudy("status")
    assert (gone.returncode, gone.stdout) == (1, f"no stack runs in {tmp_path}/runs/.stack\n")


def test_a_part_that_does_not_start_is_told_with_its_last_words_and_leaves_nothing(
    lbstudy: Command, tmp_path: Path
) -> None:
    need("otelcol", "jaeger", "prometheus")
    folder = tmp_path / "runs/.stack"
    (folder / "otelcol-queue").mkdir(parents=True)
    (folder / "otelcol-queue/exporter_otlp_grpc_jaeger_traces").mkdir()  # where its queue's file would be

    done = lbstudy("up")

    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert line.startswith("lbstudy: otel-collector ended at once: ")
    assert line.endswith(f"see {folder}/logs/otel-collector.log")
    assert not (folder / STATE_FILE).exists()
    assert not commands_with(str(folder))


def test_a_port_in_use_is_named_and_nothing_is_started(
    lbstudy: Command, tmp_path: Path, ports: Ports
) -> None:
    need("otelcol", "jaeger", "prometheus")
    with socket.create_server(("127.0.0.1", ports.jaeger_otlp)):
        done = lbstudy("up")

    assert done.returncode == 1
    assert f"port {ports.jaeger_otlp} (Jaeger's OTLP/gRPC) is in use" in done.stderr
    assert "LBSTUDY_JAEGER_OTLP_PORT" in done.stderr
    assert pids(tmp_path) == {}


def test_interrupted_it_leaves_nothing(lbstudy: Command, tmp_path: Path, ports: Ports) -> None:
    need("otelcol", "jaeger", "prometheus")
    folder = tmp_path / "runs/.stack"
    environment = {**os.environ, **ports.environment()}
    with Process(
        [COMMAND, "stack", "up"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: len(pids(tmp_path)) >= 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=GUARD)

    assert process.returncode == 130
    assert err == "lbstudy: interrupted\n"
    assert not (folder / STATE_FILE).exists()
    assert not commands_with(str(folder))


def test_what_is_not_on_path_is_named(lbstudy: Command, tmp_path: Path) -> None:
    done = lbstudy("up", PATH=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == (
        "lbstudy: not on PATH: prometheus, jaeger, otelcol-contrib or otelcol;"
        " docs/stack.md says where to get them\n"
    )


def test_a_variable_that_is_no_port_is_a_usage_error(lbstudy: Command) -> None:
    done = lbstudy("up", LBSTUDY_JAEGER_PORT="http")

    assert done.returncode == 2
    assert done.stderr == "lbstudy: LBSTUDY_JAEGER_PORT: expected a port, 1 to 65535, found 'http'\n"


def test_down_leaves_a_process_alone_that_has_the_pid_by_now(lbstudy: Command, tmp_path: Path) -> None:
    folder = tmp_path / "runs/.stack"
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "1000"]) as other:
        try:
            started = {"name": "jaeger", "pid": other.pid, "since": 1.0, "binary": "/opt/jaeger"}
            state = {"version": 1, "ports": {}, "storage": "memory", "parts": [started]}
            (folder / STATE_FILE).write_text(json.dumps(state))

            done = lbstudy("down")

            assert done.returncode == 0
            assert "no stack runs" in done.stderr
            assert other.poll() is None
        finally:
            other.send_signal(signal.SIGKILL)
    assert not (folder / STATE_FILE).exists()


def test_down_where_nothing_was_started_makes_no_folder(lbstudy: Command, tmp_path: Path) -> None:
    done = lbstudy("down")

    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["up"], ["down"], ["status"]])
def test_help_has_examples(lbstudy: Command, command: list[str]) -> None:
    done = lbstudy(*command, "--help")

    assert done.returncode == 0
    assert "Examples" in done.stdout
    assert "lbstudy stack up" in done.stdout
