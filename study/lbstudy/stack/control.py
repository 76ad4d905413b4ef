"""``up``, ``down`` and ``status`` of the stack of one folder."""

import fcntl
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lbstudy.stack import StackError
from lbstudy.stack.health import await_ready, is_ready, taken
from lbstudy.stack.parts import StackPart, Storage, configuration_folder, parts
from lbstudy.stack.ports import Ports, describe
from lbstudy.stack.process import end, find, start
from lbstudy.stack.state import StackState, Started, forget_state, read_state, write_state

READY_WITHIN = 60.0  # s, for each part
END_WITHIN = 15.0  # s until a part is killed: Prometheus closes its blocks, the Collector empties its queue


@dataclass(frozen=True, slots=True)
class PartStatus:
    """The present state of one part."""

    name: str
    pid: int
    running: bool
    ready: bool
    endpoints: Mapping[str, str]
    log: Path


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The present state of the stack. Without parts, it is down."""

    folder: Path
    ports: Ports
    parts: tuple[PartStatus, ...]

    @property
    def up(self) -> bool:
        """Whether there are parts, and all of them are ready."""
        return bool(self.parts) and all(part.ready for part in self.parts)


def up(folder: Path, ports: Ports, storage: Storage = "memory") -> tuple[StackStatus, list[str]]:
    """Start what does not run yet, and wait until everything is ready.

    Returns: the stack's status, and the optional parts that are not on PATH.

    Raises:
        StackError: a program is missing, a port is in use, or a part did not become ready. What this call
            started is stopped again.
    """
    folder = folder.absolute()
    with _locked(folder):
        before = read_state(folder)
        parts_before = before.parts if before is not None else []
        running = [started for started in parts_before if find(started) is not None]
        if running and before is not None and (before.ports != ports or before.storage != storage):
            raise StackError(
                f"{folder}: a stack with other ports or storage runs there; end it first: lbstudy stack down"
            )
        wanted = parts(ports, configuration_folder(), folder, storage)
        binaries, missing = _binaries(wanted)
        wanted = [part for part in wanted if part.name in binaries]
        names = {earlier.name for earlier in running}
        new = [part for part in wanted if part.name not in names]
        _require_free(new, ports)
        began: list[Started] = []
        try:
            for part in new:
                with held_off():
                    began.append(_start(part, binaries[part.name], folder))
                    # Written at once, so that `down` finds the process even if this command is killed.
                    write_state(folder, StackState(ports, storage, (*running, *began)))
            for part in wanted:
                process = next(candidate for candidate in (*running, *began) if candidate.name == part.name)
                _await(part, process, folder)
        except BaseException:
            with held_off():
                end(began, END_WITHIN)
                if running:
                    write_state(folder, StackState(ports, storage, tuple(running)))
                else:
                    forget_state(folder)
            raise
    return status(folder), missing


def down(folder: Path) -> tuple[list[str], list[str]]:
    """Stop what runs; returns the names of the parts that ran, and of those that had to be killed."""
    folder = folder.absolute()
    if not folder.is_dir():
        return [], []
    with _locked(folder):
        state = read_state(folder)
        if state is None:
            return [], []
        ran = [part.name for part in state.parts if find(part) is not None]
        killed = end(state.parts, END_WITHIN)
        forget_state(folder)
    return ran, killed


def status(folder: Path) -> StackStatus:
    """Look at what was started. Raises StackError if the state file cannot be read."""
    folder = folder.absolute()
    state = read_state(folder)
    if state is None:
        return StackStatus(folder, Ports(), ())
    storage: Storage = "badger" if state.storage == "badger" else "memory"
    known = {part.name: part for part in parts(state.ports, configuration_folder(), folder, storage)}
    statuses = []
    for started in state.parts:
        part, running = known[started.name], find(started) is not None
        statuses.append(
            PartStatus(
                started.name,
                started.pid,
                running,
                running and is_ready(part.health),
                part.endpoints,
                _log(folder, started.name),
            )
        )
    return StackStatus(folder, state.ports, tuple(statuses))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let only one command at a time use the folder, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"{folder}: another lbstudy stack command is running there") from None
        yield


def _binaries(wanted: list[StackPart]) -> tuple[dict[str, str], list[str]]:
    """Find the programs; returns name → path, and the optional programs that are missing."""
    binaries: dict[str, str] = {}
    missing: list[str] = []
    required: list[str] = []
    for part in wanted:
        path = next((path for name in part.binaries if (path := shutil.which(name))), None)
        if path is not None:
            binaries[part.name] = path
        elif part.optional:
            missing.append(part.name)
        else:
            required.append(" or ".join(part.binaries))
    if required:
        raise StackError(f"not on PATH: {', '.join(required)}; docs/stack.md says where to get them")
    return binaries, missing


def _require_free(new: list[StackPart], ports: Ports) -> None:
    for part in new:
        for port in taken(part.listens):
            what, variable = describe(port, ports)
            raise StackError(
                f"port {port} ({what}) is in use; stop what listens there, or set {variable} to another"
            )


def _start(part: StackPart, binary: str, folder: Path) -> Started:
    for needed in part.folders:
        needed.mkdir(parents=True, exist_ok=True)
    log = _log(folder, part.name)
    log.parent.mkdir(exist_ok=True)
    arguments = [
        argument.format(home=_home(Path(binary))) if "{" in argument else argument
        for argument in part.arguments
    ]
    return start(part.name, [binary, *arguments], part.environment, log)


def _home(binary: Path) -> Path:
    """Return the folder of an installation: the parent of the bin/ folder that the program is in."""
    unpacked = binary.resolve().parent.parent
    packaged = Path("/usr/share/grafana")
    return unpacked if (unpacked / "conf").is_dir() or not packaged.is_dir() else packaged


def _await(part: StackPart, process: Started, folder: Path) -> None:
    if await_ready(part.health, lambda: find(process) is not None, READY_WITHIN):
        return
    log = _log(folder, part.name)
    how = f"was not ready within {READY_WITHIN:.0f} s" if find(process) else f"ended at once: {_last(log)}"
    raise StackError(f"{part.name} {how}; see {log}")


def _last(log: Path) -> str:
    """Return the log's last line that is not empty."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _log(folder: Path, name: str) -> Path:
    return folder / "logs" / f"{name}.log"


@contextmanager
def held_off() -> Iterator[None]:
    """Delay an interruption until the block's end.

    It uses a handler, because a process that is started meanwhile would inherit an ignored or blocked signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
