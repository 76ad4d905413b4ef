"""Names of the semantic conventions stand in one module, and are those of the published conventions."""

import ast
import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentelemetry.semconv
import pytest
from grpc_lb_instrumentor import names

ROOT = Path(__file__).parents[2]
PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published.json").read_text())
KNOWN: dict[str, dict[str, str]] = PUBLISHED["attributes"] | PUBLISHED["metrics"]
OURS = ("grpc_lb", "x-grpc-lb-", "server.k8s.", "OTEL_", "POD_NAME", "GRPC_")

EARLIER = {
    *("RPC_GRPC_STATUS_CODE", "RPC_SERVICE", "RPC_SYSTEM"),  # of opentelemetry-instrumentation-grpc
    *("NET_PEER_IP", "NET_PEER_PORT", "NET_PEER_NAME"),  # likewise
    *("NET_SOCK_PEER_ADDR", "NET_SOCK_PEER_PORT"),  # of other languages' instrumentation
    *("METRIC_CLIENT_DURATION_MS", "METRIC_SERVER_DURATION_MS"),  # with OTEL_SEMCONV_STABILITY_OPT_IN=rpc/dup
    *("RPC_RESPONSE_STATUS_CODE", "RPC_REQUEST_METADATA"),  # of stored runs
}
"""Deprecated, and known to be: what others set, what is asked for, what is stored."""

THEIRS = {
    constant: value
    for constant, value in vars(names).items()
    if constant.isupper() and isinstance(value, str) and not value.startswith(OURS) and not value.isdecimal()
}


def test_the_names_are_of_the_version_that_the_module_speaks_of() -> None:
    assert names.__doc__ is not None
    assert f"semantic conventions (v{PUBLISHED['version'].rpartition('.')[0]})" in names.__doc__


@pytest.mark.parametrize("constant", THEIRS)
def test_each_name_is_published(constant: str) -> None:
    assert THEIRS[constant] in KNOWN


def test_a_name_is_deprecated_only_where_that_is_known() -> None:
    deprecated = {constant for constant, value in THEIRS.items() if "deprecated" in KNOWN[value]}
    assert deprecated == EARLIER


def test_the_installed_package_deprecates_none_of_them_either() -> None:
    # Python's package may know of a rename before anybody renews published.json.
    package = Path(next(iter(opentelemetry.semconv.__path__)))
    current = {value for constant, value in THEIRS.items() if constant not in EARLIER}
    text = "".join(path.read_text() for path in sorted((package / "_incubating").rglob("*.py")))
    declared = set(re.findall(r'"([a-z_.0-9]+)"\n', text))
    deprecated = set(re.findall(r'"([a-z_.0-9]+)"\n"""\nDeprecated(?! in favor of stable)', text))
    version = importlib.metadata.version("opentelemetry-semantic-conventions")
    assert "rpc.method" in declared, f"opentelemetry-semantic-conventions {version} is written in another way"
    assert "rpc.system" in deprecated
    assert current & deprecated == set()


def strings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_other_module_has_a_name_of_the_conventions() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for folder in ("instrumentor/src", "study", "services", "grafana")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(names.__file__)
        for line, text in strings(path)
        if text in KNOWN
    ]
    assert found == []
