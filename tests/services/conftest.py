"""Programs under test, as processes of their own."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

GUARD = 120.0  # s: no test waits this long unless something hangs


@dataclass
class Program:
    """A running program whose standard output are events."""

    process: asyncio.subprocess.Process

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        assert self.process.stdout is not None
        async with asyncio.timeout(GUARD):
            while line := await self.process.stdout.readline():
                event: dict[str, Any] = json.loads(line)
                if event["event"] == name:
                    return event
        raise AssertionError(f"ended without {name}: {await self.errors()}")

    async def errors(self) -> str:
        """All that it wrote to standard error; waits for its end."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def end(self) -> int:
        """Its exit status."""
        async with asyncio.timeout(GUARD):
            return await self.process.wait()


StartProgram = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start() -> AsyncIterator[StartProgram]:
    """Start ``python -m module *args``; what still runs at the end of the test is killed."""
    programs: list[Program] = []

    async def start_program(module: str, *args: str, **env: str) -> Program:
        program = Program(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *args),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.environ["PATH"], **env},
            )
        )
        programs.append(program)
        return program

    yield start_program
    for program in programs:
        if program.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                program.process.kill()
        await program.process.communicate()  # drains and closes the pipes
