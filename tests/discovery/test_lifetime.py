"""The tap is nobody's child, and is there only while it is needed."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.discovery.lab.client import PATIENCE, Probe
from tests.discovery.lab.outcome import Programs, taps_of

ROOT = Path(__file__).parents[2]
FIRST_OF_ITS_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.mark.parametrize("how", ["plain", "handler", "subreaper"])
def test_a_program_that_waits_for_its_children_sees_none_of_ours(how: str, programs: Programs) -> None:
    """Without the tap's second fork "plain" waits for ever; "subreaper" does where the tap is a process."""
    bare, ours = programs.bare("reap", how), programs.ours("reap", how)
    assert bare.told["reaped"] == [True]
    assert (ours.told, ours.status) == (bare.told, bare.status)
    assert ours.named("grpc_lb.resolver.update")
    assert ours.warnings == []


def test_the_first_process_of_a_container(programs: Programs) -> None:
    """Orphans are given to it."""
    if (
        shutil.which("unshare") is None
        or subprocess.run([*FIRST_OF_ITS_CONTAINER, "true"], check=False).returncode
    ):
        pytest.skip("no process namespaces here")
    ours = programs.ours("reap", "plain", prefix=FIRST_OF_ITS_CONTAINER)
    assert ours.told["first"] is True
    assert ours.told["reaped"] == [True]
    assert ours.named("grpc_lb.resolver.update")


def test_three_cycles_leave_nothing(programs: Programs) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.discovery.lab.cycles", programs.target],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    bare, *cycles = json.loads(run.stdout)
    assert [cycle.pop("taps") for cycle in cycles] == [1, 1, 1]
    assert bare.pop("taps") == 0
    most = bare.pop("descriptors")
    assert all(cycle.pop("descriptors") <= most for cycle in cycles)
    assert cycles == [bare] * 3


def test_the_tap_ends_with_the_last_channel_that_needs_it(probe: Probe, programs: Programs) -> None:
    for _ in range(2):
        probe.open(programs.target)
    probe.wait_update()
    with watching(probe.command("tap", tap=1)["tap"]) as gone:
        probe.command("closed", close=0)
        assert probe.call(1) == ["127.0.71.1"]
        probe.command("closed", close=1)
        assert ended(gone)
    # The next one that needs it has another.
    since = len(probe.messages)
    probe.open(programs.target)
    assert probe.wait_update(since)["channel"] == 2


@pytest.mark.parametrize("way", ["killed", "replaced"])
def test_the_tap_ends_with_the_program(way: str, programs: Programs, tmp_path: Path) -> None:
    lab = ROOT / "tests/discovery/lab"
    with subprocess.Popen(
        [
            sys.executable,
            str(lab / "instrumented.py"),
            str(tmp_path / "seen"),
            str(lab / "program.py"),
            "replaced",
            programs.target,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        line = program.stdout.readline()  # it has a tap now
        assert line
        (tap,) = taps_of(program.pid)
        assert psutil.Process(tap).ppid() != program.pid
        with watching(tap) as gone:
            if way == "killed":
                program.send_signal(signal.SIGKILL)
            else:
                program.stdin.write(b"go on\n")
                program.stdin.flush()
                assert program.stdout.readline() == b"go on\n"  # it is another program now
            assert ended(gone)
        program.stdin.close()


@contextlib.contextmanager
def watching(pid: int) -> Iterator[int]:
    gone = os.pidfd_open(pid)
    try:
        yield gone
    finally:
        os.close(gone)


def ended(gone: int) -> bool:
    return bool(select.select([gone], [], [], PATIENCE)[0])
