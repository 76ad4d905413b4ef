"""Where a foreign program's outcome is not that of bare gRPC: the data of the test and of the README's table.

``python -m tests.foreign.differences`` writes the table into instrumentor/README.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.foreign.modes import GUARD, Mode, names, title

README: Final = Path(__file__).parents[2] / "instrumentor" / "README.md"
TABLE: Final = re.compile(
    r"(?<=<!-- differences, from tests/foreign -->\n\n).*?(?=\n<!-- /differences -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A program that does another thing than bare."""

    program: str
    modes: frozenset[Mode]
    what: str  # what is different, in words for a user
    ends: bool = True  # false: the program never ends


_KNOWN_NOT_TO_END: Final = 15.0  # s
_ALONE: Final = frozenset({Mode.UPSTREAM})

DIFFERENCES: Final = (
    Difference("cancellation", _ALONE, "a stream has no `cancel()`: AttributeError"),
    Difference("cancellation_aio", _ALONE, "a cancelled call goes on at the server", ends=False),
    Difference("early_metadata", _ALONE, "a stream has no `initial_metadata()`: AttributeError"),
    Difference("health", _ALONE, "a stream has no `cancel()`: AttributeError"),
    Difference("health_aio", _ALONE, "`Watch` fails"),
    Difference("health_sync_on_aio", _ALONE, "synchronous handlers of an asyncio server fail"),
    Difference("metadata", _ALONE, "of request metadata with the same key, only the last are sent"),
    Difference("stream_cancel", _ALONE, "a stream has no `cancel()`: AttributeError"),
    Difference("stream_facts", _ALONE, "a stream has no `initial_metadata()`, `code()`: AttributeError"),
    Difference("stream_write_aio", _ALONE, "`write()` on a stream-unary call: InvalidStateError", ends=False),
    Difference("time_remaining_aio", _ALONE, "a call's `time_remaining()`: NotImplementedError"),
    Difference("time_remaining", _ALONE, "a stream has no `time_remaining()`: AttributeError"),
)


def differs(program: str, mode: Mode) -> bool:
    """Tell whether the table has this."""
    return any(one.program == program and mode in one.modes for one in DIFFERENCES)


def guard(program: str, mode: Mode) -> float:
    """Return after how many seconds it is said not to end: it is not waited for long where that is known."""
    never = any(one.program == program and mode in one.modes and not one.ends for one in DIFFERENCES)
    return _KNOWN_NOT_TO_END if never else GUARD


def table() -> str:
    """All differences, in Markdown."""
    modes = (Mode.UPSTREAM, Mode.BOTH, Mode.OURS)
    head = ("program", "what is different from bare gRPC", "upstream alone", "both", "this package alone")
    rows = [head, ("---",) * len(head)]
    rows += [
        (title(one.program), one.what, *("differs" if mode in one.modes else "as bare" for mode in modes))
        for one in DIFFERENCES
    ]
    same = len(names()) - len({one.program for one in DIFFERENCES})
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{text}\n{same} other programs do the same in each of the four ways.\n"


if __name__ == "__main__":
    README.write_text(TABLE.sub(lambda _: table(), README.read_text()))
