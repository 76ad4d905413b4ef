"""What Jaeger has, and a Collector whose queue has a small disk of its own."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the parts are a module of the tests

from tests.stack.parts import Stack, need
from tests.stack.sent import get

SpanId = tuple[str, str]

_ON_SMALL_DISK = """#!/bin/sh
# The mount is seen by this process alone, and ends with it.
exec unshare --mount sh -c 'mount -t tmpfs -o size={size} tmpfs "$0" && exec {binary} "$@"' {folder} "$@"
"""


def spans_in(stack: Stack, start: float, end: float, *, but: str = "") -> set[SpanId]:
    """The spans that Jaeger has of a time (seconds since the epoch), but for those of one name."""
    query = {
        "query.start_time_min": _rfc3339(start),
        "query.start_time_max": _rfc3339(end),
        "query.num_traces": "20000",
        "query.raw_traces": "true",
    }
    try:
        found = get(f"{stack.jaeger}/api/v3/traces", **query)
    except HTTPError as error:
        with error:
            if error.code == 404:  # how Jaeger says that it has nothing
                return set()
        raise
    return {
        (span["traceId"], span["spanId"])
        for group in found["result"]["resourceSpans"]
        for scoped in group["scopeSpans"]
        for span in scoped["spans"]
        if span["name"] != but
    }


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks that a test may break; none of their parts runs at first."""
    need("otelcol", "jaeger", "prometheus")
    made: list[Stack] = []

    def make(**options: object) -> Stack:
        made.append(Stack(tmp_path / f"stack{len(made)}", **options))  # type: ignore[arg-type]  # Stack's own
        return made[-1]

    yield make
    for stack in made:
        stack.close()


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the Collector, started from PATH, has 8 MB and no more."""
    need("otelcol", "unshare", "mount")
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {tried.stderr.strip()}")
    folder, programs = tmp_path / "disk", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    wrapper = programs / "otelcol-contrib"
    wrapper.write_text(_ON_SMALL_DISK.format(size="8m", binary=shutil.which("otelcol"), folder=folder))
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return folder
