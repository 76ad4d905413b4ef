"""What a stack's folder remembers: the parts that were started, to be found again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lbstudy.stack.errors import StackError
from lbstudy.stack.ports import Ports

STATE_FILE = "stack.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Started:
    """A part that was started."""

    name: str
    pid: int
    since: float  # the process's start, Unix seconds: another process may have the pid by now
    binary: str


@dataclass(frozen=True, slots=True)
class State:
    """A stack that was started."""

    ports: Ports
    storage: str
    parts: tuple[Started, ...]


def read_state(folder: Path) -> State | None:
    """Return what was started; None when nothing was, or all of it was taken down.

    Raises:
        StackError: the file is not one of this version.
    """
    path = folder / STATE_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise StackError(f"{path}: written by another version of lbstudy ({found['version']})")
        return State(
            Ports(**found["ports"]), str(found["storage"]), tuple(Started(**one) for one in found["parts"])
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: not a stack's state ({type(error).__name__}); remove it") from error


def write_state(folder: Path, state: State) -> None:
    """Remember what was started; whoever reads meanwhile sees the old or the new, never half of it."""
    path = folder / STATE_FILE
    text = json.dumps(
        {
            "version": VERSION,
            "ports": asdict(state.ports),
            "storage": state.storage,
            "parts": [asdict(one) for one in state.parts],
        },
        indent=2,
    )
    new = path.with_suffix(".new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(path)


def forget_state(folder: Path) -> None:
    """Nothing runs any more."""
    (folder / STATE_FILE).unlink(missing_ok=True)
