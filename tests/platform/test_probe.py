"""How exactly it is known since when a pod serves."""

import socket
import time

from lbstudy.platform.interface import Probe
from lbstudy.platform.local.probe import watch
from lbstudy.platform.program import Readiness


async def test_a_pod_that_serves_before_it_is_looked_at_may_have_served_since_its_start() -> None:
    """As where the study's process stood still between the start and the first look."""
    started = time.time_ns() - 5_000_000_000
    with socket.create_server(("127.0.0.1", 0)) as server:
        looks = watch("127.0.0.1", server.getsockname()[1], Probe(), Readiness(), started)
        seen = await anext(looks)
        await looks.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert seen.serves
    assert seen.at - seen.error * 1e9 <= started + 1000  # seconds are rounded
