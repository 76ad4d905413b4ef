"""Processes that outlive the command that started them."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from lbstudy.stack import StackError
from lbstudy.stack.state import Started

_TOLERANCE = 2.0  # s; the start is counted from the boot, and the clock may have been set since
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")


def start(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Started:
    """Start a program detached from the terminal, with its output appended to ``log``; raises StackError."""
    inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**inherited, **environment},
                start_new_session=True,  # neither Ctrl-C nor closing the terminal ends it
            )
        since = psutil.Process(process.pid).create_time()
    except OSError as error:
        raise StackError(f"{name} cannot be started: {error}") from error
    except psutil.NoSuchProcess:
        since = 0.0  # it has ended already; the wait for its health will show that
    return Started(name, process.pid, since, command[0])


def find(started: Started) -> psutil.Process | None:
    """Return the process if it still runs and the process id has not been reused."""
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.since) <= _TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def end(started: Sequence[Started], within: float) -> list[str]:
    """Tell processes to end, and kill them after ``within`` seconds; returns the names of those killed.

    A process id that has been reused is left alone.
    """
    running = [(part.name, process) for part in started if (process := find(part)) is not None]
    for _, process in running:
        _signal(process.terminate)
    _, left = psutil.wait_procs([process for _, process in running], timeout=within)
    for process in left:
        _signal(process.kill)
    psutil.wait_procs(left, timeout=within)
    return [name for name, process in running if process in left]


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()
