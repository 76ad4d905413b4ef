import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the makers of telemetry are a module of the tests

from lbstudy.store.database import RunStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    made = RunStore.create(tmp_path / "run.duckdb")
    yield made
    made.close()
