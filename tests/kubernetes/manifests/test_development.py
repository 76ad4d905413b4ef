"""skaffold.yaml, and the overlay in which changed sources take effect without a new image."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.manifests.rendered import NAMESPACE, ROOT, container, environment, find, pod, render

DEV = "k8s/overlays/dev"
SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
PROFILES: dict[str, Any] = {one["name"]: one for one in SKAFFOLD["profiles"]}
SYNC: dict[str, Any] = SKAFFOLD["build"]["artifacts"][0]["sync"]
GUARD = 120.0  # s, against hanging only


def artifacts(part: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = part.get("build", {}).get("artifacts", [])
    return found


def test_everything_that_skaffold_names_is_there() -> None:
    stages = {line.split()[-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if " AS " in line}
    for part in (SKAFFOLD, *PROFILES.values()):
        for path in part.get("manifests", {}).get("kustomize", {}).get("paths", []):
            assert (ROOT / path / "kustomization.yaml").is_file()
        for artifact in artifacts(part):
            if "docker" in artifact:
                assert (ROOT / artifact["docker"]["dockerfile"]).is_file()
                assert artifact["docker"]["target"] in stages
            else:
                assert os.access(ROOT / artifact["custom"]["buildCommand"], os.X_OK)


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_what_skaffold_builds_is_what_its_manifests_run(profile: str | None) -> None:
    part = PROFILES.get(profile or "", {})
    built = {one["image"] for one in artifacts(part) or artifacts(SKAFFOLD)}
    (path,) = (part.get("manifests") or SKAFFOLD["manifests"])["kustomize"]["paths"]
    run = {
        one["image"].partition(":")[0]
        for workload in render(path)
        if workload["kind"] in ("Deployment", "Job")
        for one in pod(workload)["containers"]
    }

    assert built == {image for image in run if "/" not in image}


def test_forwarded_ports_are_those_of_services_and_on_loopback() -> None:
    objects = render(DEV)
    for forward in SKAFFOLD["portForward"]:
        service = find(objects, "Service", forward["resourceName"])
        assert forward["port"] in {one["port"] for one in service["spec"]["ports"]}
        assert (forward["address"], forward["namespace"]) == ("127.0.0.1", NAMESPACE)
        assert forward["localPort"] == forward["port"]


@pytest.mark.parametrize("name", ["server", "client"])
def test_files_are_written_where_python_looks_first(name: str) -> None:
    deployment = {"server": "greeter", "client": "client"}[name]
    one = container(render(DEV), deployment)
    first = environment(render(DEV), deployment)["PYTHONPATH"]
    (start,) = pod(find(render(DEV), "Deployment", deployment))["initContainers"]

    assert {rule["dest"] for rule in SYNC["manual"]} == {first}
    assert first in {mount["mountPath"] for mount in one["volumeMounts"]}
    assert start["command"][-1] == first
    assert start["image"] == one["image"]
    # The same program with the same arguments as without the overlay.
    plain = container(render("k8s"), deployment)
    assert one["command"] == ["sh", "/dev-overlay/run-again.sh", *plain["command"]]
    assert one["args"] == plain["args"]


def test_every_source_file_is_synced_to_its_module() -> None:
    synced = {
        path.relative_to(ROOT / rule["strip"]) for rule in SYNC["manual"] for path in ROOT.glob(rule["src"])
    }

    assert Path("greeter/server/program.py") in synced
    assert Path("greeter/events.py") in synced
    assert Path("grpc_lb_instrumentor/names.py") in synced
    assert not any(path.name == "hatch_build.py" for path in synced)


def test_sources_are_copied_as_they_are_imported(tmp_path: Path) -> None:
    site, copy = tmp_path / "site", tmp_path / "copy"
    for name, files in {
        "grpc-lb-greeter": ["greeter/__init__.py", "greeter/v1/stub.py", "beside/__init__.py"],
        "grpc-lb-instrumentor": ["grpc_lb_instrumentor/__init__.py", "grpc_lb_instrumentor/py.typed"],
    }.items():
        info = f"{name.replace('-', '_')}-9.dist-info"
        for file in files:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text("")
        (site / info).mkdir()
        (site / info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9\n")
        (site / info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{info}/METADATA"]))

    subprocess.run(
        [sys.executable, str(ROOT / DEV / "copy_sources.py"), str(copy)],
        check=True,
        env=os.environ | {"PYTHONPATH": str(site)},
    )

    assert {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()} == {
        "greeter/__init__.py",
        "greeter/v1/stub.py",
        "beside/__init__.py",
        "grpc_lb_instrumentor/__init__.py",
        "grpc_lb_instrumentor/py.typed",
    }


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """run-again.sh with a program that says its process id, and ends on SIGTERM with status 0."""
    script = tmp_path / "run-again.sh"
    text = (ROOT / DEV / "run-again.sh").read_text()
    assert "/tmp/program.pid" in text
    script.write_text(text.replace("/tmp/program.pid", str(tmp_path / "program.pid")))
    program = (
        "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});"
        "print(os.getpid(), flush=True); signal.sigwait({signal.SIGTERM})"
    )
    with subprocess.Popen(
        ["sh", str(script), sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_program_that_is_ended_is_started_again(shell: subprocess.Popen[str], tmp_path: Path) -> None:
    assert shell.stdout is not None
    first = int(shell.stdout.readline())
    assert int((tmp_path / "program.pid").read_text()) == first

    os.kill(first, signal.SIGTERM)
    second = int(shell.stdout.readline())

    assert second != first
    shell.send_signal(signal.SIGTERM)
    assert shell.wait(GUARD) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_the_hook_ends_the_program_that_the_script_names() -> None:
    (hook,) = SYNC["hooks"]["after"]

    assert hook["container"]["command"] == ["sh", "-c", 'kill -TERM "$(cat /tmp/program.pid)"']
    assert 'echo "$program" >/tmp/program.pid' in (ROOT / DEV / "run-again.sh").read_text()
