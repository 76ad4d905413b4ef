"""scripts/build-image, with programs in the builders' places that say what they were called with."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes.manifests.rendered import ROOT

SCRIPT = ROOT / "scripts/build-image"
CONTEXT = f"--file {ROOT}/Dockerfile"


@pytest.fixture
def builders(tmp_path: Path) -> Path:
    """A folder that is the only place, beside the system's, where a builder can be found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def put(folder: Path, name: str, *, daemon: bool = True) -> None:
    told = folder / name
    told.write_text(f'#!/bin/sh\n[ "$1" != info ] || exit {0 if daemon else 1}\necho {name} "$@"\n')
    told.chmod(0o755)


def build(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT], capture_output=True, text=True, check=False, env={"PATH": str(folder)} | variables
    )


@pytest.mark.parametrize("name", ["docker", "podman", "nerdctl", "buildah"])
def test_whichever_builder_is_there_is_taken(builders: Path, name: str) -> None:
    put(builders, name)

    done = build(builders)

    assert done.stdout.splitlines() == [f"{name} build {CONTEXT} --tag lbstudy:dev {ROOT}"]
    assert done.returncode == 0


def test_a_docker_client_without_its_daemon_is_passed_over(builders: Path) -> None:
    put(builders, "docker", daemon=False)
    put(builders, "buildah")

    assert build(builders).stdout.startswith("buildah build")


def test_skaffold_says_what_it_wants_in_the_environment(builders: Path) -> None:
    put(builders, "podman")
    image, options = "registry.example/lbstudy:1", "--target study --platform linux/arm64"

    done = build(
        builders,
        IMAGE=image,
        PUSH_IMAGE="true",
        BUILD_CONTEXT="/elsewhere",
        PLATFORMS="linux/arm64",
        TARGET="study",
    )

    assert done.stdout.splitlines() == [
        f"podman build --file /elsewhere/Dockerfile {options} --tag {image} /elsewhere",
        f"podman push {image}",
    ]


@pytest.mark.parametrize(
    ("variables", "status", "told"),
    [
        ({}, 1, "none of docker"),
        ({"BUILDER": "podman"}, 1, "BUILDER=podman is not on PATH"),
        ({"PUSH_IMAGE": "yes"}, 2, "PUSH_IMAGE is true or false, not 'yes'"),
        ({"PLATFORMS": "linux/amd64,linux/arm64"}, 2, "one platform at a time"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    builders: Path, variables: dict[str, str], status: int, told: str
) -> None:
    done = build(builders, **variables)

    assert done.returncode == status
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_copied_into_the_image_is_not_ignored() -> None:
    copied = {
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)
