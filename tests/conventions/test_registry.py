"""Our own names: the registries in Weaver's format say what the code has, and the README says the same."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from grpc_lb_instrumentor import names, records
from lbstudy.observation import attributes as study
from lbstudy.traces import names as facts

from tests.conventions import registry
from tests.conventions.registry import INSTRUMENTOR, README, ROOT, STUDY, TABLE

PUBLISHED = json.loads(Path(__file__).with_name("published.json").read_text())
STABILITY = {"stable", "development"}
INSTRUMENTS = {
    "create_counter": "counter",
    "create_observable_counter": "counter",
    "create_gauge": "gauge",
    "create_observable_gauge": "gauge",
    "create_histogram": "histogram",
    "create_up_down_counter": "updowncounter",
    "create_observable_up_down_counter": "updowncounter",
}


def constants(*modules: ModuleType) -> dict[str, str]:
    return {
        constant: value
        for module in modules
        for constant, value in vars(module).items()
        if constant.isupper() and isinstance(value, str)
    }


def registered(folder: Path) -> tuple[set[str], set[str], set[str]]:
    return set(registry.attributes(folder)), set(registry.metrics(folder)), set(registry.spans(folder))


def told(found: dict[str, str], prefixes: tuple[str, ...]) -> tuple[set[str], set[str], set[str]]:
    """The attributes, the metrics and the spans among constants."""
    metrics = {value for constant, value in found.items() if constant.startswith("METRIC_")}
    spans = {value for constant, value in found.items() if constant.startswith("SPAN_")}
    attributes = {
        value
        for constant, value in found.items()
        if not constant.startswith(("METRIC_", "SPAN_", "EVENT_", "SCOPE")) and value.startswith(prefixes)
    }
    return attributes, {name for name in metrics if name.startswith(prefixes)}, spans


def test_the_instrumentors_registry_has_its_names_and_no_others() -> None:
    assert registered(INSTRUMENTOR) == told(constants(names), ("grpc_lb.", "server.k8s."))


def test_the_studys_registry_has_its_names_and_no_others() -> None:
    attributes, metrics, spans = told(constants(facts, study), ("lbstudy.",))
    assert registered(STUDY) == ({name.rstrip(".") for name in attributes}, metrics, spans)


@pytest.mark.parametrize("folder", [INSTRUMENTOR, STUDY], ids=["instrumentor", "study"])
def test_a_registry_is_of_weavers_format(folder: Path) -> None:
    manifest = yaml.safe_load((folder / "registry_manifest.yaml").read_text())
    assert manifest.keys() == {"name", "description", "semconv_version", "schema_base_url", "dependencies"}
    groups = [
        group for kind in ("attribute_group", "metric", "span") for group in registry.groups(folder, kind)
    ]
    ids = [group["id"] for group in groups]
    assert len(set(ids)) == len(ids)
    for group in groups:
        assert group["brief"].endswith(".")
        assert isinstance(group["attributes"], list)
        match group["type"]:
            case "attribute_group":
                for attribute in group["attributes"]:
                    assert attribute["stability"] in STABILITY
                    assert attribute["brief"].endswith(".")
                    assert (
                        attribute["type"] == "boolean"
                        or isinstance(attribute["type"], dict)
                        or ("examples" in attribute)
                    )
            case "metric":
                assert group["id"] == f"metric.{group['metric_name']}"
                assert group["instrument"] in INSTRUMENTS.values()
                assert group["stability"] in STABILITY
            case "span":
                assert group["id"].startswith("span.")
                assert group["span_kind"] == "internal"
                assert group["stability"] in STABILITY


@pytest.mark.parametrize("folder", [INSTRUMENTOR, STUDY], ids=["instrumentor", "study"])
def test_what_signals_refer_to_is_defined_there_or_below(folder: Path) -> None:
    defined = {*registry.attributes(INSTRUMENTOR), *registry.attributes(STUDY), *PUBLISHED["attributes"]}
    for signal in (*registry.groups(folder, "metric"), *registry.groups(folder, "span")):
        assert {attribute["ref"] for attribute in signal["attributes"]} <= defined, signal["id"]


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        (names.RESOLVER_OUTCOME, records.Outcome),
        (names.RESOLVER_CAUSE, records.Cause),
        (names.SUBCHANNEL_STATE, records.SubchannelState),
        (names.PUSH_OUTCOME, records.PushOutcome),
        (names.SERVER_UNNAMED, records.Unnamed),
    ],
)
def test_an_enumeration_has_the_codes_values(attribute: str, values: Any) -> None:  # noqa: ANN401  # an enumeration
    members = registry.attributes(INSTRUMENTOR)[attribute]["type"]["members"]
    assert [member["value"] for member in members] == [value.value for value in values]


def created(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The metric's name, the instrument and the unit of each instrument that a package creates."""
    known = constants(names, facts)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in INSTRUMENTS or not isinstance(node.args[0], ast.Attribute):
                continue
            units = [keyword.value for keyword in node.keywords if keyword.arg == "unit"] or node.args[2:3]
            (unit,) = units
            assert isinstance(unit, ast.Constant), ast.unparse(node)
            yield known[node.args[0].attr], INSTRUMENTS[node.func.attr], str(unit.value)


@pytest.mark.parametrize(
    ("folder", "source"),
    [(INSTRUMENTOR, "instrumentor/src"), (STUDY, "study")],
    ids=["instrumentor", "study"],
)
def test_instruments_and_units_are_those_that_are_created(folder: Path, source: str) -> None:
    described = {
        name: (metric["instrument"], metric["unit"]) for name, metric in registry.metrics(folder).items()
    }
    found = {name: (instrument, unit) for name, instrument, unit in created(ROOT / source)}
    assert found.keys() >= described.keys()
    assert {name: found[name] for name in described} == described


def test_the_readmes_table_is_the_registrys() -> None:
    match = TABLE.search(README.read_text())
    assert match is not None
    assert match[0] == registry.table(INSTRUMENTOR), "python -m tests.conventions.registry writes it"
