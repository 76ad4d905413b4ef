"""Jaeger and Prometheus as a source of observations."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.read import ReadRun, read_run
from lbstudy.facts import names
from lbstudy.observation.records import Forwarded, Lane
from lbstudy.observation.source import Expected, SettingInfo, Source
from lbstudy.result.model import Provenance
from lbstudy.store.database import RunStore
from lbstudy.store.source import StoreSource


class StackSource(Source):
    """Reads a run from Jaeger and Prometheus. Its methods raise StoreError, as those of a StoreSource do.

    Everything that they have of the run is copied into a store first, and read from there the way that a
    run's own store is read: what a row means, and every lane, is put together in one place.

    Use ``read`` to make one, and ``close`` it.
    """

    def __init__(self, store: RunStore, found: ReadRun, jaeger_url: str, prometheus_url: str) -> None:
        self._store = store
        self._inner = StoreSource.of(store)
        self._found = found
        self._urls = {"jaeger_url": jaeger_url, "prometheus_url": prometheus_url}

    @classmethod
    def read(cls, jaeger: Jaeger, prometheus: Prometheus, run_id: str, copy: Path) -> Self:
        """Read a run.

        Args:
            jaeger: has the run's traces.
            prometheus: has its metrics.
            run_id: the run; see ``runs.latest_run``.
            copy: where to put the copy, a file that is not there yet.

        Raises:
            BackendError: a backend cannot be asked, or does not have the run.
            StoreError: the copy cannot be written.
        """
        store = RunStore.create(copy)
        try:
            found = read_run(jaeger, prometheus, run_id, store)
            return cls(store, found, jaeger.url, prometheus.url)
        except BaseException:
            store.close()
            copy.unlink(missing_ok=True)
            raise

    @property
    def time_zero_unix_nano(self) -> int:
        """Time zero of all instants, in nanoseconds since the Unix epoch."""
        return self._inner.time_zero_unix_nano

    def close(self) -> None:
        """Close the copy."""
        self._store.close()

    def provenance(self) -> Provenance:
        """What was run, where and with what."""
        return self._inner.provenance().model_copy(update=self._urls)

    def settings(self) -> list[SettingInfo]:
        """The settings that ran side by side."""
        return self._inner.settings()

    def expectations(self) -> list[Expected]:
        """What the scenario expects."""
        return self._inner.expectations()

    def lanes(self) -> list[Lane]:
        """Everything found, one lane a setting.

        Where Prometheus had no RPC at all, that is a count of its own: none.
        """
        forwarded = self._forwarded()
        return [
            replace(lane, metered=lane.metered or {}, forwarded=forwarded) for lane in self._inner.lanes()
        ]

    def _forwarded(self) -> Forwarded | None:
        """What the Collector accepted, against the spans that were found."""
        told = self._found.forwarded
        if told is None:
            return None
        # The span that tells it is the only one that it does not count.
        found = self._store.query(
            "SELECT count(*) FROM spans WHERE name != $name", {"name": names.SPAN_FORWARDED}
        )
        return replace(told, spans=replace(told.spans, stored=int(found[0][0])))
