"""compose.yaml against what `lbstudy stack` starts; no Docker engine is needed for that."""

import re
from pathlib import Path
from typing import Any

import yaml
from lbstudy.stack.parts import PROMETHEUS_FLAGS, parts
from lbstudy.stack.ports import Ports

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BADGER: dict[str, Any] = yaml.safe_load((ROOT / "compose.badger.yaml").read_text())
PORT = re.compile(r"127\.0\.0\.1:\$\{(LBSTUDY_\w+_PORT):-(\d+)\}:(\d+)")


def test_every_image_is_pinned_to_a_release() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_every_part_has_a_health_check() -> None:
    # The Collector's image has no program to ask with: the service beside it does, in its network.
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}

    assert without == {"otel-collector"}
    assert SERVICES["otel-collector-health"]["network_mode"] == "service:otel-collector"


def test_ports_are_open_on_loopback_only_and_moved_by_the_same_variables() -> None:
    usual = Ports().environment()
    published: dict[str, str] = {}
    for service in SERVICES.values():
        for text in service.get("ports", []):
            match = PORT.fullmatch(text)
            assert match is not None, text
            variable, default, inside = match.groups()
            assert default == inside == usual[variable]
            published[variable] = default

    inner = {"LBSTUDY_JAEGER_OTLP_PORT", "LBSTUDY_JAEGER_HEALTH_PORT", "LBSTUDY_JAEGER_METRICS_PORT"}
    assert published.keys() == usual.keys() - inner


def test_prometheus_is_started_with_the_same_flags() -> None:
    flags = {flag for flag in SERVICES["prometheus"]["command"] if not re.match("--(config|storage)", flag)}

    assert flags == set(PROMETHEUS_FLAGS)


def test_mounted_files_are_there_and_named_by_the_commands() -> None:
    for name, service in (*SERVICES.items(), ("jaeger", BADGER["services"]["jaeger"])):
        mounts = {
            target: ROOT / source
            for source, target, *_ in (text.split(":") for text in SERVICES[name].get("volumes", []))
            if source.startswith("./")
        }
        for source in mounts.values():
            assert source.is_dir(), source
        for path in re.findall(r"/etc/\S+\.yaml", " ".join(service.get("command", []))):
            assert (mounts[str(Path(path).parent)] / Path(path).name).is_file(), path


def test_variables_are_those_that_the_parts_know() -> None:
    known = {
        key for part in parts(Ports(), ROOT, Path("data"), "badger") for key in part.environment
    } | Ports().environment().keys()
    for service in (*SERVICES.values(), BADGER["services"]["jaeger"]):
        assert service.get("environment", {}).keys() <= known


def test_volumes_are_declared() -> None:
    used = {
        text.split(":")[0]
        for service in SERVICES.values()
        for text in service.get("volumes", [])
        if not text.startswith("./")
    }

    assert used == COMPOSE["volumes"].keys()
