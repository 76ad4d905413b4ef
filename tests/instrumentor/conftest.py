"""An application under test, instrumented; what it counts itself is the referee."""

import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the lab is a package of the tests

from grpc_lb_instrumentor import names

from tests.instrumentor.lab.telemetry import POD, Telemetry
from tests.instrumentor.lab.world import World


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_POD_NAME, POD)
    # The other half has tests of its own: its processes and threads are not needed for RPCs.
    monkeypatch.setenv(names.ENV_RESOLVER_DISABLED, "true")
    monkeypatch.setenv(names.ENV_SUBCHANNEL_DISABLED, "true")


@pytest.fixture
def bare() -> Iterator[Telemetry]:
    """Nothing is instrumented yet."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


@pytest.fixture(params=["ours first", "upstream first"])
def both(request: pytest.FixtureRequest, bare: Telemetry) -> Telemetry:
    """Both are instrumented, in either order."""
    steps: list[Callable[[], None]] = [bare.instrument_ours, bare.instrument_upstream]
    for step in steps if request.param == "ours first" else reversed(steps):
        step()
    return bare


@pytest.fixture
def telemetry(bare: Telemetry) -> Telemetry:
    """Both are instrumented, in the order of their entry points."""
    bare.instrument_upstream()
    bare.instrument_ours()
    return bare


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The SDK warns of spans that are ended twice, or changed after their end."""
    caplog.set_level(logging.WARNING)
    yield
    complaints = [
        record.getMessage()
        for record in (*caplog.get_records("setup"), *caplog.get_records("call"))
        if record.name.startswith("opentelemetry") and "detach context" not in record.getMessage()
    ]
    assert complaints == []


@pytest.fixture(params=["aio→aio", "sync→sync", "sync→aio with upstream", "aio→sync with upstream"])
async def world(request: pytest.FixtureRequest, bare: Telemetry) -> AsyncIterator[World]:
    """A client and a server of every combination of the two stacks, by ours alone and beside upstream's."""
    stacks, _, beside = request.param.partition(" ")
    client, _, server = stacks.partition("→")
    if beside:
        bare.instrument_upstream()
    bare.instrument_ours()
    async with World(client, server) as world:
        yield world
