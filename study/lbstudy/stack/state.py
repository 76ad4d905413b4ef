"""The state file of a stack's folder: the parts that were started, so that they can be found again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lbstudy.stack import StackError
from lbstudy.stack.ports import Ports

STATE_FILE = "stack.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Started:
    """A part that was started."""

    name: str
    pid: int
    since: float  # when the process started, Unix seconds, because the pid may have been reused
    binary: str


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack that was started."""

    ports: Ports
    storage: str
    parts: tuple[Started, ...]


def read_state(folder: Path) -> StackState | None:
    """Return what was started; None if nothing was, or everything was stopped.

    Raises:
        StackError: the file is of another version.
    """
    path = folder / STATE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise StackError(f"{path}: written by another version of lbstudy ({content['version']})")
        return StackState(
            Ports(**content["ports"]),
            str(content["storage"]),
            tuple(Started(**part) for part in content["parts"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: not a stack's state ({type(error).__name__}); remove it") from error


def write_state(folder: Path, state: StackState) -> None:
    """Write what was started; a reader sees the old or the new state, never half of it."""
    path = folder / STATE_FILE
    text = json.dumps(
        {
            "version": VERSION,
            "ports": asdict(state.ports),
            "storage": state.storage,
            "parts": [asdict(part) for part in state.parts],
        },
        indent=2,
    )
    new = path.with_suffix(".new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(path)


def forget_state(folder: Path) -> None:
    """Remove the state file: nothing runs any more."""
    (folder / STATE_FILE).unlink(missing_ok=True)
