"""Processes that outlive the command that started them."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from lbstudy.stack.errors import StackError
from lbstudy.stack.state import Started

_TOLERANCE = 2.0  # s; the start is counted from the boot, and the clock may have been set since
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")


def start(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Started:
    """Start a program detached from this terminal, its output appended to ``log``; raises StackError."""
    inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**inherited, **environment},
                start_new_session=True,  # neither Ctrl-C nor the terminal's end is for it
            )
        since = psutil.Process(process.pid).create_time()
    except OSError as error:
        raise StackError(f"{name} cannot be started: {error}") from error
    except psutil.NoSuchProcess:
        since = 0.0  # has ended already; the wait for its health will tell
    return Started(name, process.pid, since, command[0])


def find(started: Started) -> psutil.Process | None:
    """Return the process, if it still runs and is still the same one."""
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.since) <= _TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def end(started: Sequence[Started], within: float) -> list[str]:
    """Ask processes to end, kill those that have not ``within`` seconds; returns the names of the killed.

    What is not the same process any more is left alone.
    """
    found = [(one.name, process) for one in started if (process := find(one)) is not None]
    for _, process in found:
        _signal(process.terminate)
    _, left = psutil.wait_procs([process for _, process in found], timeout=within)
    for process in left:
        _signal(process.kill)
    psutil.wait_procs(left, timeout=within)
    return [name for name, process in found if process in left]


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()
