"""Up, down and status: the stack of one folder."""

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lbstudy.stack.configuration import configuration_folder
from lbstudy.stack.errors import StackError
from lbstudy.stack.health import await_ready, is_ready, taken
from lbstudy.stack.interrupts import held_off
from lbstudy.stack.parts import Part, Storage, parts
from lbstudy.stack.ports import Ports, describe
from lbstudy.stack.process import end, find, start
from lbstudy.stack.state import Started, State, forget_state, read_state, write_state

READY_WITHIN = 60.0  # s, for each part
END_WITHIN = 15.0  # s, before a part is killed: Prometheus closes its blocks, the Collector its queue


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part, as it is now."""

    name: str
    pid: int
    running: bool
    ready: bool
    endpoints: Mapping[str, str]
    log: Path


@dataclass(frozen=True, slots=True)
class Status:
    """The stack, as it is now; no parts: it is down."""

    folder: Path
    ports: Ports
    parts: tuple[PartStatus, ...]

    @property
    def up(self) -> bool:
        """Whether there are parts, and all are ready."""
        return bool(self.parts) and all(part.ready for part in self.parts)


def up(folder: Path, ports: Ports, storage: Storage = "memory") -> tuple[Status, list[str]]:
    """Start what does not run yet, and wait until all of it is ready.

    Returns: the stack's status, and the optional parts that are not on PATH.

    Raises:
        StackError: a program is missing, a port is in use, or a part did not become ready; what this call
            started is stopped again.
    """
    folder = folder.absolute()
    with _locked(folder):
        before = read_state(folder)
        running = [one for one in before.parts if find(one) is not None] if before is not None else []
        if running and before is not None and (before.ports != ports or before.storage != storage):
            raise StackError(f"{folder}: runs already, otherwise; first: lbstudy stack down")
        wanted = parts(ports, configuration_folder(), folder, storage)
        binaries, missing = _binaries(wanted)
        wanted = [part for part in wanted if part.name in binaries]
        names = {one.name for one in running}
        new = [part for part in wanted if part.name not in names]
        _require_free(new, ports)
        began: list[Started] = []
        try:
            for part in new:
                with held_off():
                    began.append(_start(part, binaries[part.name], folder))
                    # Written down at once: whatever ends this command, `down` finds what it started.
                    write_state(folder, State(ports, storage, (*running, *began)))
            for part in wanted:
                process = next(one for one in (*running, *began) if one.name == part.name)
                _await(part, process, folder)
        except BaseException:
            with held_off():
                end(began, END_WITHIN)
                if running:
                    write_state(folder, State(ports, storage, tuple(running)))
                else:
                    forget_state(folder)
            raise
    return status(folder), missing


def down(folder: Path) -> tuple[list[str], list[str]]:
    """End what runs; returns the names of the parts that ran, and of those that had to be killed."""
    folder = folder.absolute()
    if not folder.is_dir():
        return [], []
    with _locked(folder):
        state = read_state(folder)
        if state is None:
            return [], []
        ran = [one.name for one in state.parts if find(one) is not None]
        killed = end(state.parts, END_WITHIN)
        forget_state(folder)
    return ran, killed


def status(folder: Path) -> Status:
    """Look at what was started; raises StackError for a state that cannot be read."""
    folder = folder.absolute()
    state = read_state(folder)
    if state is None:
        return Status(folder, Ports(), ())
    storage: Storage = "badger" if state.storage == "badger" else "memory"
    known = {part.name: part for part in parts(state.ports, configuration_folder(), folder, storage)}
    found = []
    for one in state.parts:
        part, running = known[one.name], find(one) is not None
        found.append(
            PartStatus(
                one.name,
                one.pid,
                running,
                running and is_ready(part.health),
                part.endpoints,
                _log(folder, one.name),
            )
        )
    return Status(folder, state.ports, tuple(found))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One command at a time on a folder, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"{folder}: another lbstudy stack command is at work there") from None
        yield


def _binaries(wanted: list[Part]) -> tuple[dict[str, str], list[str]]:
    """Find the programs; returns name → path, and the optional ones that are not there."""
    found: dict[str, str] = {}
    missing: list[str] = []
    required: list[str] = []
    for part in wanted:
        path = next((path for name in part.binaries if (path := shutil.which(name))), None)
        if path is not None:
            found[part.name] = path
        elif part.optional:
            missing.append(part.name)
        else:
            required.append(" or ".join(part.binaries))
    if required:
        raise StackError(f"not on PATH: {', '.join(required)}; docs/stack.md tells where to get them")
    return found, missing


def _require_free(new: list[Part], ports: Ports) -> None:
    for part in new:
        for port in taken(part.listens):
            what, variable = describe(port, ports)
            raise StackError(
                f"port {port} ({what}) is in use; stop what listens there, or set {variable} to another"
            )


def _start(part: Part, binary: str, folder: Path) -> Started:
    for one in part.folders:
        one.mkdir(parents=True, exist_ok=True)
    log = _log(folder, part.name)
    log.parent.mkdir(exist_ok=True)
    arguments = [
        argument.format(home=_home(Path(binary))) if "{" in argument else argument
        for argument in part.arguments
    ]
    return start(part.name, [binary, *arguments], part.environment, log)


def _home(binary: Path) -> Path:
    """Return the folder of an installation: the one with bin/ of the program itself."""
    unpacked = binary.resolve().parent.parent
    packaged = Path("/usr/share/grafana")
    return unpacked if (unpacked / "conf").is_dir() or not packaged.is_dir() else packaged


def _await(part: Part, process: Started, folder: Path) -> None:
    if await_ready(part.health, lambda: find(process) is not None, READY_WITHIN):
        return
    log = _log(folder, part.name)
    how = f"was not ready within {READY_WITHIN:.0f} s" if find(process) else f"ended at once: {_last(log)}"
    raise StackError(f"{part.name} {how}; see {log}")


def _last(log: Path) -> str:
    """Return the last line that says something."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _log(folder: Path, name: str) -> Path:
    return folder / "logs" / f"{name}.log"
