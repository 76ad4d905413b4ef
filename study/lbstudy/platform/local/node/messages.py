"""The messages between the study and its node: JSON lines over a socket."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Start(StrEnum):
    """How a pod's process is made."""

    FORK = "fork"  # of the node, which has imported its modules: fast, for servers in Python
    EXEC = "exec"  # a new process, whose environment is set from its start


@dataclass(frozen=True, slots=True)
class StartPod:
    """Start a process.

    With ``Start.FORK`` the command is ``[python, "-m", module, …]``. It is instrumented like
    ``opentelemetry-instrument`` does if ``env`` has OTEL_*.
    """

    pod: str
    start: Start
    command: list[str]
    env: dict[str, str]  # the whole environment
    stdout: str  # files, appended to
    stderr: str
    cwd: str
    instrument: bool = True
    resolv_conf: str = ""  # a file that the process sees as /etc/resolv.conf; "": the system's


@dataclass(frozen=True, slots=True)
class SignalPod:
    """Send a pod a signal; does nothing if it has exited."""

    pod: str
    signal: int


Command = StartPod | SignalPod


@dataclass(frozen=True, slots=True)
class Prepared:
    """The node can take commands."""

    threads: int  # the node's own threads: must be 1 for forks to be safe


@dataclass(frozen=True, slots=True)
class PodStarted:
    """The process runs."""

    pod: str
    pid: int
    before: int  # ns since the Unix epoch; it started between ``before`` and ``at``
    after: int


@dataclass(frozen=True, slots=True)
class PodNotStarted:
    """The process could not be started."""

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
    """The process has ended: with an ``exit`` status (0 to 255), or by a signal (its number, negative)."""

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
    """Decode a line; raises ValueError, KeyError or TypeError if it is not a message."""
    fields = json.loads(line)
    message: Command | Event = _TYPES[fields.pop("type")](**fields)
    return message
