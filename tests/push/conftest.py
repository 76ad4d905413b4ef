"""A control plane under test; nothing of it outlives its test."""

from collections.abc import AsyncIterator

import pytest

from tests.push.lab import Lab, Start
from tests.services.conftest import start

__all__ = ["start"]  # the fixture


@pytest.fixture
async def lab(start: Start) -> AsyncIterator[Lab]:
    """A control plane, not started yet."""
    made = Lab(start)
    yield made
    await made.close()


@pytest.fixture
async def other_lab(start: Start) -> AsyncIterator[Lab]:
    """Another one, which knows nothing of the first."""
    made = Lab(start)
    yield made
    await made.close()
