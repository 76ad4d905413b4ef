"""Make ``published.json``: what the published semantic conventions say of names that this project may use.

From npm's package, which is generated from the conventions' registry and the first to have a new version::

    npm pack @opentelemetry/semantic-conventions && tar xf opentelemetry-semantic-conventions-*.tgz
    python tests/conventions/extract.py package

Then ``tests/conventions`` says which of our names are deprecated by now.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.json")
NAMESPACES = (
    *("rpc.", "server.", "network.", "net.", "error.", "dns.", "service.", "cpu."),
    *("k8s.pod.", "k8s.namespace.", "k8s.deployment.", "process.cpu.time", "process.memory.usage"),
)
_ENTRY = re.compile(
    r"/\*\*(?P<comment>(?:(?!\*/).)*)\*/\s*const (?P<kind>ATTR|METRIC)_\w+ = "
    r"(?:\(\w+\) => `(?P<template>[^$`]+)\$\{\w+\}`|\"(?P<name>[^\"]+)\");",
    re.DOTALL,
)
_DEPRECATED = re.compile(r"@deprecated\s+(?P<why>(?:(?!\* @|\n\*\s*\n).)*)", re.DOTALL)


def entries(source: str, stability: str) -> dict[str, dict[str, dict[str, str]]]:
    """The attributes and the metrics that a module of the package declares."""
    found: dict[str, dict[str, dict[str, str]]] = {"attributes": {}, "metrics": {}}
    for match in _ENTRY.finditer(source):
        name = match["template"] or match["name"]
        if not name.startswith(NAMESPACES):
            continue
        said = {"stability": stability}
        if deprecated := _DEPRECATED.search(match["comment"]):
            said["deprecated"] = " ".join(deprecated["why"].replace("*", " ").split())
        found["attributes" if match["kind"] == "ATTR" else "metrics"][name] = said
    return found


def extract(package: Path) -> dict[str, Any]:
    """What ``published.json`` is to hold."""
    found: dict[str, Any] = {
        "package": "@opentelemetry/semantic-conventions",
        "version": json.loads((package / "package.json").read_text())["version"],
        "attributes": {},
        "metrics": {},
    }
    for module, stability in (("experimental", "development"), ("stable", "stable")):
        for kind in ("attributes", "metrics"):
            source = (package / "dist" / f"{module}_{kind}.mjs").read_text()
            found[kind] |= entries(source, stability)[kind]
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(extract(Path(sys.argv[1])), indent=1, sort_keys=True) + "\n")
