"""Programs that know nothing of the instrumentation do the same with it as without; bare gRPC is the referee.

Each of ``programs`` prints what it sees: answers, codes, metadata, its connections, its children, how many
descriptors its channels take. Its output, its exit code and that it ends are compared. A selection runs by
default, and all programs in all ways with LBSTUDY_SLOW=1.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.foreign.differences import DIFFERENCES, README, TABLE, differs, guard, table
from tests.foreign.modes import Mode, Outcome, names, run

ALL = bool(os.environ.get("LBSTUDY_SLOW"))
CHOSEN = {
    *("cancellation", "channel_pool", "early_metadata", "health", "reaper", "rejections"),
    *("retry_late", "stream_facts", "stream_write_aio", "time_remaining"),
}
"""Those that were changed once, or are healed now: what is the likeliest to break again."""
INSTRUMENTED = (Mode.UPSTREAM, Mode.BOTH, Mode.OURS) if ALL else (Mode.BOTH, Mode.OURS)
PROGRAMS = [name for name in names() if ALL or name in CHOSEN]


class Runs:
    """Two at a time; all that the session will ask for are begun at once, each program's bare one first."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._outcomes: dict[tuple[str, Mode], Future[Outcome]] = {}

    def begin(self, name: str) -> None:
        for mode in (Mode.BARE, *INSTRUMENTED):
            self._outcomes[name, mode] = self._pool.submit(run, name, mode, guard(name, mode))

    def outcome(self, name: str, mode: Mode) -> Outcome:
        return self._outcomes[name, mode].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    runs = Runs()
    for name in dict.fromkeys(filter(None, map(program, request.session.items))):
        runs.begin(name)
    yield runs
    runs.close()


def program(item: pytest.Item) -> str:
    """The program that a test will ask for, "" for none."""
    if isinstance(item, pytest.Function) and item.path == Path(__file__) and hasattr(item, "callspec"):
        return str(item.callspec.params["name"])
    return ""


@pytest.mark.parametrize("mode", INSTRUMENTED)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_the_same_as_bare(runs: Runs, name: str, mode: Mode) -> None:
    bare = runs.outcome(name, Mode.BARE)
    assert bare.code is not None, "bare, it does not end"
    assert bare.output, "it tells nothing"

    found = runs.outcome(name, mode)

    if differs(name, mode):
        assert found != bare, "it is as bare by now: take it out of differences.py"
    else:
        assert found == bare


def test_ours_changes_nothing_whatever_it_is_with() -> None:
    """The table is upstream's: what this package changes, or leaves as it is, is a defect to be mended."""
    assert {mode for one in DIFFERENCES for mode in one.modes} <= {Mode.UPSTREAM}


def test_the_readmes_table_is_that_of_the_test() -> None:
    match = TABLE.search(README.read_text())
    assert match is not None
    assert match[0] == table(), "python -m tests.foreign.differences writes it"
