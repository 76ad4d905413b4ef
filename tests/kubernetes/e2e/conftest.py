"""One namespace for all tests on a cluster: applying k8s/ takes a minute."""

from collections.abc import Iterator

import pytest

from tests.kubernetes.e2e.lab import Lab, applied


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with applied(tmp_path_factory.mktemp("lab")) as made:
        yield made
