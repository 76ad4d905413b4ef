"""What the study and its node say to each other: JSON lines over a socket."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Start(StrEnum):
    """How a pod's process comes to be."""

    FORK = "fork"  # of the node, which has its modules imported: fast, for servers
    EXEC = "exec"  # a fresh interpreter, whose environment is read from its very start: for clients


@dataclass(frozen=True, slots=True)
class StartPod:
    """Start a process that runs ``module`` as ``python -m`` does, instrumented where ``env`` has OTEL_*."""

    pod: str
    start: Start
    module: str
    args: list[str]
    env: dict[str, str]  # all of it
    stdout: str  # files, appended to
    stderr: str
    cwd: str


@dataclass(frozen=True, slots=True)
class SignalPod:
    """Send a pod a signal; nothing happens when it has exited."""

    pod: str
    signal: int


Command = StartPod | SignalPod


@dataclass(frozen=True, slots=True)
class Prepared:
    """The node can take commands."""

    threads: int  # of the node itself: must be 1 for forks to be safe


@dataclass(frozen=True, slots=True)
class PodStarted:
    """The process runs."""

    pod: str
    pid: int
    before: int  # ns since the Unix epoch; it started between the two
    after: int


@dataclass(frozen=True, slots=True)
class PodNotStarted:
    """There is no process."""

    pod: str
    reason: str
    after: int


@dataclass(frozen=True, slots=True)
class PodSignalled:
    """The signal was sent."""

    pod: str
    signal: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PodExited:
    """The process has ended: by ``exit`` (0 to 255), or by a signal (its number, negative)."""

    pod: str
    status: int
    after: int


Event = Prepared | PodStarted | PodNotStarted | PodSignalled | PodExited

_TYPES = {
    kind.__name__: kind
    for kind in (StartPod, SignalPod, Prepared, PodStarted, PodNotStarted, PodSignalled, PodExited)
}


def encode(message: Command | Event) -> bytes:
    """One line, with its newline."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Command | Event:
    """The message of a line; raises ValueError, KeyError or TypeError for any other line."""
    fields = json.loads(line)
    message: Command | Event = _TYPES[fields.pop("type")](**fields)
    return message
