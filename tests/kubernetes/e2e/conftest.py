"""One namespace for all tests on a cluster: applying k8s/ takes a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.e2e.lab import Lab, applied


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each of these tests half an hour: on a cluster they wait for images, pods and DNS."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with applied(tmp_path_factory.mktemp("lab")) as made:
        yield made
