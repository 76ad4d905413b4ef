import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.runs import read_facts
from lbstudy.backends.source import StackSource
from lbstudy.observation.records import Lane
from lbstudy.result.build import build
from lbstudy.result.model import Result

from tests.backends.made_up import NANO, MadeUpRun

if TYPE_CHECKING:
    from tests.stack.parts import Stack
    from tests.stack.sent import SentRun

Read = Callable[[str], "Found"]


@dataclass(frozen=True)
class Found:
    """What Jaeger and Prometheus have of a run."""

    lanes: list[Lane]
    result: Result

    @property
    def open_entries(self) -> set[str]:
        """The entries of the ledger that do not close."""
        ledgers = [setting.ledger for setting in self.result.settings]
        return {entry.name for ledger in ledgers for entry in ledger.entries if not entry.closes}


@pytest.fixture(scope="session")
def read(stack: "Stack", tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads a run of the stack by its id."""

    def run(run_id: str) -> Found:
        copy = tmp_path_factory.mktemp("copy") / "run.duckdb"
        jaeger, prometheus = Jaeger(stack.jaeger), Prometheus(stack.prometheus)
        with closing(StackSource.read(jaeger, prometheus, run_id, copy)) as source:
            return Found(source.lanes(), build(source))

    return run


@pytest.fixture(scope="session")
def found(sent_run: "SentRun", read: Read) -> Found:
    """The real run, read from the stack when everything of it has arrived."""
    from tests.stack.sent import eventually

    jaeger = Jaeger(sent_run.stack.jaeger)

    def has_arrived() -> bool:
        _, told = read_facts(jaeger, sent_run.run_id)
        return told is not None and not read(sent_run.run_id).open_entries

    eventually(has_arrived)
    return read(sent_run.run_id)


@pytest.fixture
def made_up(request: pytest.FixtureRequest) -> MadeUpRun:
    """A made-up run of its own for each test; nothing of it is sent yet."""
    run_id = f"{request.node.name}-{time.time_ns()}"
    return MadeUpRun(run_id, 600, time.time_ns() - 10 * NANO)
