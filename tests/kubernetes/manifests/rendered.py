"""What kustomize makes of k8s/: the objects, and how to find things in them."""

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OVERLAYS = ("k8s", *(f"k8s/overlays/{path.name}" for path in sorted((ROOT / "k8s/overlays").iterdir())))
"""What a user applies."""
NAMESPACE = "lbstudy"

Object = dict[str, Any]
CLUSTER_WIDE = {"Namespace"}


def need(condition: object, reason: str) -> None:
    """Skip the test with the reason; fail it where CI says that everything is there."""
    if not condition:
        give_up = pytest.fail if os.environ.get("LBSTUDY_PARTS") == "required" else pytest.skip
        give_up(reason)


@functools.cache
def render(folder: str) -> list[Object]:
    """The objects of a kustomization, as ``kubectl apply -k`` sends them."""
    need(shutil.which("kubectl"), "not on PATH: kubectl")
    done = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # The parser in C: the dashboards are long.
    return [one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one]


def find(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name; a generated ConfigMap's is without the hash at its end."""
    found = [
        one
        for one in objects
        if one["kind"] == kind
        and (one["metadata"]["name"] == name or (kind == "ConfigMap" and _hashed(one, name)))
    ]
    assert len(found) == 1, (kind, name)
    return found[0]


def _hashed(one: Object, name: str) -> bool:
    base, _, suffix = one["metadata"]["name"].rpartition("-")
    return base == name and len(suffix) == 10


def workloads(objects: list[Object]) -> Iterator[Object]:
    """Everything that has a pod template."""
    return (one for one in objects if one["kind"] in ("Deployment", "Job"))


def pod(workload: Object) -> Object:
    """The specification of its pods."""
    specification: Object = workload["spec"]["template"]["spec"]
    return specification


def container(objects: list[Object], deployment: str) -> Object:
    """The first container of a Deployment's pods."""
    found: Object = pod(find(objects, "Deployment", deployment))["containers"][0]
    return found


def environment(objects: list[Object], deployment: str) -> dict[str, str]:
    """A container's variables with a value of their own or from a ConfigMap; ``env`` has the last word."""
    one = container(objects, deployment)
    variables: dict[str, str] = {}
    for source in one.get("envFrom", []):
        variables |= find(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return variables | {item["name"]: item["value"] for item in one.get("env", []) if "value" in item}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of ``matchLabels``, and of ``matchExpressions`` with In, selects these labels."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions)
    is_in = all(labels.get(one["key"]) in one["values"] for one in expressions)
    return is_in and selector.get("matchLabels", {}).items() <= labels.items()
