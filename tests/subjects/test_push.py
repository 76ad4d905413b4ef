"""The control plane serves every language's xDS client: a server added is called, one removed is left."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest
from lbstudy.platform.push import client_env

from tests.push.lab import Lab, Start
from tests.subjects.conftest import GUARD, Run, Serve, Served
from tests.subjects.programs import OTHERS, Language
from tests.subjects.test_programs import counts, lines

# All that a control plane can tell, at once: what one language refused would be a NACK of it all.
POLICY = {
    "balancing": "weighted_round_robin",
    "retry": {"on": ["unavailable"], "attempts": 3},
    "outlier_detection": {
        "interval": 1.0,
        "failure_percentage": {"threshold": 50, "minimum_hosts": 2, "request_volume": 3},
    },
}
# grpc-java 1.85.1: a request that comes while outlier detection learns of a new server can end in a
# NullPointerException (EndpointTracker.incrementCallCount) that breaks the connection, and never be answered.
LEFT_OUT = {"java": "outlier_detection"}


@pytest.fixture
async def lab(start: Start) -> AsyncIterator[Lab]:
    """A control plane, not started yet."""
    made = Lab(start)
    yield made
    await made.close()


async def left(old: Served, new: Served) -> None:
    """Wait until ten RPCs in a row have gone to the new server: a client acknowledges before it applies."""
    async with asyncio.timeout(GUARD):
        while True:
            before = old.answered.total()
            for _ in range(10):
                await new.called()
            if old.answered.total() == before:
                return


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.name)
async def test_a_server_added_is_called_and_one_removed_is_left(
    language: Language, lab: Lab, serve: Serve, run: Run, net: str
) -> None:
    language.need()
    policy = {name: part for name, part in POLICY.items() if name != LEFT_OUT.get(language.name)}
    await lab.up("--policy", json.dumps(policy))
    first = await serve("server-1", f"{net}.1:0")
    await lab.tell(f"{net}.1:{first.port}")
    env = {name: value.replace("$(POD_NAME)", "client") for name, value in client_env(lab.address).items()}
    program = await run(
        language.command,
        *("--target", "xds:///greeter", "--rate", "20", "--duration", "600", "--timeout", "120"),
        *("--max-lateness", "120", "--max-in-flight", "100000"),
        env=env,
    )
    await first.called()
    second = await serve("server-2", f"{net}.2:0")
    await lab.tell(f"{net}.1:{first.port}", f"{net}.2:{second.port}")
    await second.called()
    await lab.tell(f"{net}.2:{second.port}")
    assert await lab.removed(f"{net}.1:{first.port}", GUARD) == "REMOVAL_ACKNOWLEDGED"
    await left(first, second)
    program.process.send_signal(signal.SIGTERM)
    tally = (await lines(program))[-1]["tally"]
    assert isinstance(tally, dict)
    assert tally["by_code"] == {"OK": tally["sent"]}
    assert tally["by_server"] == await counts([first, second])
    lab.program.process.terminate()
    records = (await lab.program.event("stopped"))["records"]
    assert "Nacked" not in records
    assert records["Acked"] == records["VersionSent"] == 6  # listener, route, cluster, three lists
