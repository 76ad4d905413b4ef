"""What the client tells, read line by line, wherever it runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("client.py")
FIRST_WITHIN = 30.0  # s


@dataclass(frozen=True, slots=True)
class First:
    """The first RPC that a server answered; ns since the Unix epoch."""

    sent: int
    answered: int


class Load:
    """The load, and what its client has told so far.

    Args:
        lines: the client's standard output.
        end: has the client finish what it has in flight, after which the lines end.
    """

    def __init__(self, lines: AsyncIterator[bytes | str], end: Callable[[], Awaitable[None]]) -> None:
        self.firsts: dict[str, First] = {}
        self.codes: dict[str, int] = {}  # what the client counted, once it has ended
        self.servers: dict[str, int] = {}  # server → RPCs that it answered
        self.p99 = 0.0  # s
        self.failed_as: list[tuple[str, str]] = []  # code and details of each failed RPC
        self._end = end
        self._news = asyncio.Condition()
        self._following = asyncio.create_task(self._follow(lines))

    async def first(self, server: str) -> First | None:
        """The first RPC that a server answered; None when there was none in time."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: server in self.firsts), FIRST_WITHIN)
            except TimeoutError:
                return None
        return self.firsts[server]

    async def finish(self) -> None:
        """End the load; ``codes`` and ``p99`` are there then."""
        await self._end()
        await self._following

    async def _follow(self, lines: AsyncIterator[bytes | str]) -> None:
        async for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                continue  # gRPC's own words
            if "first" in told:
                self.firsts.setdefault(told["first"], First(told["sent"], told["at"]))
            elif "failed" in told:
                self.failed_as.append((told["failed"], told["details"]))
            elif "codes" in told:
                self.codes, self.servers, self.p99 = told["codes"], told["servers"], told["p99"] or 0.0
            async with self._news:
                self._news.notify_all()
