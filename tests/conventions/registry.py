"""Our own names as the registries beside the code describe them (Weaver's YAML), and the README's table.

``python -m tests.conventions.registry`` writes the table into instrumentor/README.md.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
INSTRUMENTOR = ROOT / "instrumentor" / "registry"
STUDY = ROOT / "study" / "registry"
README = ROOT / "instrumentor" / "README.md"
TABLE = re.compile(r"(?<=<!-- names, from registry/ -->\n\n).*?(?=\n<!-- /names -->)", re.DOTALL)


def groups(registry: Path, kind: str) -> list[dict[str, Any]]:
    """The groups of a kind: attribute_group, metric, span."""
    files = sorted(registry.glob("[!r]*.yaml"))  # all but registry_manifest.yaml
    found: list[dict[str, Any]] = [
        group for file in files for group in yaml.safe_load(file.read_text())["groups"]
    ]
    return [group for group in found if group["type"] == kind]


def attributes(registry: Path) -> dict[str, dict[str, Any]]:
    """The attributes that it defines."""
    return {
        attribute["id"]: attribute
        for group in groups(registry, "attribute_group")
        for attribute in group["attributes"]
    }


def metrics(registry: Path) -> dict[str, dict[str, Any]]:
    """The metrics, by name."""
    return {group["metric_name"]: group for group in groups(registry, "metric")}


def spans(registry: Path) -> dict[str, dict[str, Any]]:
    """The spans, by name."""
    return {group["annotations"]["span_name"]: group for group in groups(registry, "span")}


def table(registry: Path) -> str:
    """All of them, in Markdown."""
    rows = [("name", "what it is", ""), ("---", "---", "---"), *_rows(registry)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(registry: Path) -> Iterator[tuple[str, str, str]]:
    for name, span in spans(registry).items():
        yield f"`{name}`", "span", span["brief"]
    for name, metric in metrics(registry).items():
        yield f"`{name}`", f"{metric['instrument']}, {metric['unit'] or 'no unit'}", metric["brief"]
    for name, attribute in attributes(registry).items():
        yield f"`{name}`", _type(attribute["type"]), attribute["brief"]


def _type(told: Any) -> str:  # noqa: ANN401  # YAML
    if isinstance(told, str):
        return f"attribute, {told}"
    return "attribute: " + ", ".join(f"`{member['value']}`" for member in told["members"])


if __name__ == "__main__":
    README.write_text(TABLE.sub(lambda _: table(INSTRUMENTOR), README.read_text()))
