"""Servers, a control plane and the load as processes of this machine."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from lbstudy.config import load_subject
from lbstudy.platform.interface import Change, ChangeKind, PushSpec, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.run.specs import server_program

from benchmarks.push.load import PROGRAM, Load

SERVER = server_program(load_subject())

SERVICE = "greeter-bench"
DRAIN_WAIT = 0.5  # s that a server answers on after SIGTERM


class LocalLab:
    """Two servers, a control plane and the load."""

    def __init__(self, platform: LocalPlatform, load: Load, changes: AsyncIterator[Change]) -> None:
        self.load = load
        self._platform = platform
        self._changes = changes

    @classmethod
    @asynccontextmanager
    async def running(cls, rate: float, work: float) -> AsyncIterator["LocalLab"]:
        """Everything up; down again at the end."""
        with tempfile.TemporaryDirectory() as folder:
            platform = LocalPlatform(Path(folder), seed=0, preload=[SERVER.preload])
            await platform.start()
            try:
                push = PushSpec('{"balancing": "round_robin"}')
                await platform.create_servers(
                    ServerSpec(SERVICE, 2, work, DRAIN_WAIT, 5, push=push, program=SERVER)
                )
                changes = platform.changes()
                for _ in range(2):
                    await _next(changes, ChangeKind.PUBLISHED)
                load = await _start_load(platform, rate)
                for pod in platform.pods(SERVICE):
                    if await load.first(pod) is None:
                        raise RuntimeError(f"{pod} gets no RPC")
                yield cls(platform, load, changes)
            finally:
                await platform.aclose()

    async def add(self) -> tuple[str, int]:
        """One server more; its name, and when the control plane took it in (ns since the Unix epoch)."""
        await self._platform.scale(SERVICE, 3)
        published = await _next(self._changes, ChangeKind.PUBLISHED)
        assert published.pod is not None
        return published.pod, published.at

    async def remove(self) -> None:
        """The server that was added goes again."""
        await self._platform.scale(SERVICE, 2)
        await _next(self._changes, ChangeKind.EXITED)

    async def kill_control_plane(self) -> None:
        """SIGKILL; the platform starts it again."""
        node = psutil.Process(self._platform.helper_pids[0])
        next(child for child in node.children() if "endpoint_push" in child.cmdline()).kill()


async def _start_load(platform: LocalPlatform, rate: float) -> Load:
    bootstrap = {
        name: value.replace("$(POD_NAME)", "bench") for name, value in platform.client_env(SERVICE).items()
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), platform.target(SERVICE), str(rate)),
        env={**os.environ, **bootstrap},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None

    async def end() -> None:
        process.send_signal(signal.SIGTERM)

    return Load(process.stdout, end)


async def _next(changes: AsyncIterator[Change], kind: ChangeKind) -> Change:
    """The next change of a kind to one of the servers."""
    async for change in changes:
        if change.kind == kind and change.deployment == SERVICE:
            return change
    raise RuntimeError(f"no server was {kind} any more")
