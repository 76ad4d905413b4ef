"""The fragments of docs/own-service.md: the real programs take them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.own_service import OwnService
from tests.stack.parts import GUARD, need
from tests.stack.pod import get
from tests.stack.test_rules import FOLDER, promtool

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-service.md").read_text()
BLOCKS: dict[str, str] = dict(re.findall(r"^```\w+ ([\w-]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SCRIPT = re.search(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_collector_takes_its_fragment(tmp_path: Path) -> None:
    need("otelcol")
    binary = shutil.which("otelcol-contrib") or shutil.which("otelcol")
    assert binary
    (tmp_path / "config.yaml").write_text(BLOCKS["own-collector"])
    command = [binary, "validate", "--config", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=False)

    assert done.returncode == 0, done.stderr


def test_prometheus_takes_its_fragment_with_the_rules(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yaml").write_text(BLOCKS["own-prometheus"])
    shutil.copytree(FOLDER / "rules", tmp_path / "grpc-load-balancing")
    done = promtool("check", "config", "--lint=all", "--lint-fatal", tmp_path / "prometheus.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(list((FOLDER / 'rules').glob('*.yaml')))} rule files found" in done.stdout


def test_the_fragment_makes_the_labels_that_the_rules_read() -> None:
    promoted = yaml.safe_load(BLOCKS["own-prometheus"])["otlp"]["promote_resource_attributes"]
    read = {"service.name", "service.namespace", "k8s.pod.name", "k8s.namespace.name"}

    assert read <= set(promoted)
    told = yaml.safe_load(BLOCKS["own-deployment"])["env"]
    attributes = next(one["value"] for one in told if one["name"] == "OTEL_RESOURCE_ATTRIBUTES")
    assert {pair.partition("=")[0] for pair in attributes.split(",")} <= read


def test_the_operators_objects_hold_the_rules(tmp_path: Path) -> None:
    """The command of the page, with a kubectl that only writes down what it is given."""
    assert SCRIPT
    (tmp_path / "kubectl").write_text('#!/bin/sh\ncat >"$OUT"\n')
    (tmp_path / "kubectl").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OUT": str(tmp_path / "applied.yaml")}
    subprocess.run(["sh", "-euc", SCRIPT[1]], cwd=ROOT, env=environment, timeout=GUARD, check=True)

    applied: list[dict[str, Any]] = [
        one for one in yaml.safe_load_all((tmp_path / "applied.yaml").read_text()) if one
    ]
    rules = {path.stem: yaml.safe_load(path.read_text()) for path in (FOLDER / "rules").glob("*.yaml")}
    assert {one["metadata"]["name"].removeprefix("grpc-lb-"): one["spec"] for one in applied} == rules
    assert {one["kind"] for one in applied} == {"PrometheusRule"}


@pytest.mark.parametrize("name", ["own-rate", "own-undiscovered", "own-missing"])
def test_every_query_of_the_page_has_an_answer(name: str, own_service: OwnService) -> None:
    found = get(
        f"{own_service.stack.prometheus}/api/v1/query_range",
        query=BLOCKS[name],
        start=f"{own_service.began:.3f}",
        end=f"{own_service.ended:.3f}",
        step="1",
    )["data"]["result"]

    assert found
