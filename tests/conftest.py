"""What tests of several folders share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# A deadline would be a timed test: what takes long on a busy machine is not wrong.
settings.register_profile("lbstudy", deadline=None)
settings.load_profile("lbstudy")

sys.path.insert(0, str(Path(__file__).parents[1]))  # the parts are a module of the tests

if TYPE_CHECKING:
    from tests.stack.parts import Stack
    from tests.stack.sent import SentRun


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stack"]:
    """Collector, Jaeger and Prometheus for tests that tell their data apart by the run's id.

    A test that stops or breaks a part makes a ``tests.stack.parts.Stack`` of its own.
    """
    from tests.stack.parts import Stack, need

    need("otelcol", "jaeger", "prometheus")
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def sent_run(stack: "Stack", tmp_path_factory: pytest.TempPathFactory) -> "SentRun":
    """A run that was sent to the stack, and has arrived there."""
    from tests.stack.sent import send_run

    return send_run(stack, tmp_path_factory.mktemp("sent"))
