"""Platforms under test; nothing of them outlives its test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from lbstudy.platform.local.platform import LocalPlatform

from tests.platform.programs import PRELOAD

StartPlatform = Callable[..., Awaitable[LocalPlatform]]


@pytest.fixture
async def start_platform(tmp_path: Path) -> AsyncIterator[StartPlatform]:
    """Start a platform with little propagation delay; all are closed, and checked to leave no process."""
    started: list[LocalPlatform] = []

    async def start(seed: int = 1, propagation: float = 0.1) -> LocalPlatform:
        platform = LocalPlatform(tmp_path / f"run-{len(started)}", seed, propagation, preload=PRELOAD)
        started.append(platform)
        await platform.start()
        return platform

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield start
    await asyncio.gather(*(platform.aclose() for platform in started))
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert left == []
