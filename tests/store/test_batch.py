"""When requests are written: in company, unless somebody waits who has more."""

from collections.abc import Iterator

import pytest
from lbstudy.store import batch
from lbstudy.store.batch import BatchWriter
from lbstudy.store.database import RunStore
from lbstudy.store.otlp import Decoded

from tests.store.rows_by_hand import span

GUARD = 120.0  # s, against hanging only


@pytest.fixture
def writer(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchWriter]:
    """A writer that waits for company for as good as ever."""
    monkeypatch.setattr(batch, "_LINGER", 3600.0)
    writer = BatchWriter(store)
    yield writer
    writer.close()


def test_an_exporters_full_batch_is_written_at_once_with_all_that_waits(
    writer: BatchWriter, store: RunStore
) -> None:
    alone = writer.submit(Decoded(spans=[span(0)]))
    assert not alone.done()  # it waits for company
    full = writer.submit(Decoded(spans=[span(number) for number in range(1, 513)]))

    full.result(GUARD)
    alone.result(GUARD)
    assert store.query("SELECT count(*) FROM spans") == [(513,)]


def test_what_comes_after_it_waits_for_company_again(writer: BatchWriter, store: RunStore) -> None:
    writer.submit(Decoded(spans=[span(number) for number in range(512)])).result(GUARD)
    later = writer.submit(Decoded(spans=[span(512)]))

    assert store.query("SELECT count(*) FROM spans") == [(512,)]
    assert not later.done()
    writer.close()
    later.result(GUARD)
