"""Measuring the pods' clocks: a small program in a pod answers each line with its time."""

import time
from typing import Final

import httpx2
from httpx2.websockets import AsyncWebSocketSession, HTTPXWSException

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, reason
from lbstudy.platform.kubernetes.clock import Exchange, Offset, offset
from lbstudy.platform.kubernetes.stream import STDIN, STDOUT, execute

_PROGRAM: Final = "import sys, time\nfor line in sys.stdin: print(time.time_ns(), flush=True)"
_ROUNDS: Final = 20
_PATIENCE: Final = 20.0  # s, for an answer: Python has to start first


async def measure(cluster: Cluster, pod: str, container: str) -> Offset:
    """The offset of a pod's clock, which is that of its node. Raises PlatformError."""
    try:
        async with execute(cluster, pod, container, ["python", "-c", _PROGRAM]) as session:
            exchanges = [await _exchange(session) for _ in range(_ROUNDS)]
    except (HTTPXWSException, httpx2.HTTPError, TimeoutError, ValueError, BaseExceptionGroup) as error:
        raise PlatformError(f"the clock of {pod} cannot be read: {reason(error)}") from error
    return offset(exchanges)


async def _exchange(session: AsyncWebSocketSession) -> Exchange:
    sent = time.monotonic_ns()
    await session.send_bytes(bytes((STDIN,)) + b"\n")
    answer, received = b"", 0
    while not answer.endswith(b"\n"):
        frame = await session.receive_bytes(timeout=_PATIENCE)
        if frame[0] != STDOUT:
            raise ValueError(frame[1:].decode("utf-8", "replace"))
        received = received or (time.monotonic_ns() if len(frame) > 1 else 0)
        answer += frame[1:]
    return Exchange(sent, int(answer), received)
