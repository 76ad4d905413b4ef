"""Which ports the stack has, and what its folder remembers of it."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from lbstudy.stack import StackError, StackVariableError
from lbstudy.stack.parts import configuration_folder, parts
from lbstudy.stack.ports import Ports, describe
from lbstudy.stack.state import STATE_FILE, StackState, Started, forget_state, read_state, write_state

FILES = configuration_folder()


def test_the_usual_ports_without_any_variable() -> None:
    ports = Ports.from_environment({"HOME": "/home/me", "LBSTUDY_JAEGER_PORT": ""})

    assert (ports.otlp_grpc, ports.otlp_http, ports.otelcol_health) == (4317, 4318, 13133)
    assert (ports.jaeger, ports.prometheus, ports.grafana) == (16686, 9090, 3000)


def test_a_variable_moves_its_port_and_no_other() -> None:
    ports = Ports.from_environment({"LBSTUDY_PROMETHEUS_PORT": "9191"})

    assert asdict(ports) == asdict(Ports()) | {"prometheus": 9191}
    assert ports.environment()["LBSTUDY_PROMETHEUS_PORT"] == "9191"
    assert describe(9191, ports) == ("Prometheus", "LBSTUDY_PROMETHEUS_PORT")


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "4317.0", "٤٣١٧", " 4317"])
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(StackVariableError, match="LBSTUDY_OTLP_GRPC_PORT: expected a port"):
        Ports.from_environment({"LBSTUDY_OTLP_GRPC_PORT": text})


def test_a_port_asked_for_twice_is_named() -> None:
    with pytest.raises(StackVariableError, match="LBSTUDY_PROMETHEUS_PORT, LBSTUDY_GRAFANA_PORT"):
        Ports.from_environment({"LBSTUDY_GRAFANA_PORT": "9090"})


def test_every_variable_of_the_configuration_files_is_set_and_explained() -> None:
    # A port that a file reads under another name would stay where it is.
    given = {
        "LBSTUDY_OTELCOL_QUEUE_SIZE",
        "LBSTUDY_OTELCOL_MEMORY_MIB",
        "LBSTUDY_JAEGER_MAX_TRACES",
    }  # limits
    for part in parts(Ports(), FILES, Path("data"), "badger"):
        given |= part.environment.keys()
    # Those that the stack starts its parts with; the others in these folders are Kubernetes'.
    for name in ("otel-collector/config.yaml", "jaeger/config.yaml", "jaeger/config-badger.yaml"):
        path = FILES / name
        text = path.read_text()
        read = set(re.findall(r"\$\{env:(\w+):-", text))
        assert read
        assert read <= given, path
        head = "\n".join(line for line in text.splitlines() if line.startswith("#"))
        assert read == set(re.findall(r"^#\s+(LBSTUDY_\w+)", head, re.MULTILINE)), path
        assert not re.search(r"\$\{env:\w+\}", text), "a variable without a default"


def test_everything_listens_on_loopback_unless_told_otherwise() -> None:
    for path in (FILES / "otel-collector/config.yaml", FILES / "jaeger/config.yaml"):
        for line in path.read_text().splitlines():
            if re.match(r"\s+(endpoint: \S+_PORT|host:)", line):
                assert "${env:LBSTUDY_LISTEN:-127.0.0.1}" in line, line


def state() -> StackState:
    return StackState(Ports(prometheus=9191), "memory", (Started("jaeger", 42, 1.5, "/opt/jaeger"),))


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None

    write_state(tmp_path, state())
    assert read_state(tmp_path) == state()

    forget_state(tmp_path)
    assert read_state(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "ports": {"x": 1}}', "\0"]
)
def test_a_state_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE_FILE).write_text(text)

    with pytest.raises(StackError, match=STATE_FILE):
        read_state(tmp_path)


def test_a_later_versions_state_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text('{"version": 2}')

    with pytest.raises(StackError, match="another version"):
        read_state(tmp_path)
