"""Jaeger and Prometheus as a source of observations."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.read import ReadRun, read_run
from lbstudy.observation.records import Forwarded, Lane
from lbstudy.result.model import Provenance
from lbstudy.result.source import Expected, SettingInfo, Source
from lbstudy.store.database import RunStore
from lbstudy.store.source import StoreSource
from lbstudy.traces import names


class StackSource(Source):
    """Reads a run from Jaeger and Prometheus. Its methods raise StoreError, like those of a StoreSource.

    Everything that they have of the run is first copied to a store, and then read like a run's own store. So
    both sources share the code that interprets rows and makes lanes.

    Use ``read`` to make one, and ``close`` to close it.
    """

    def __init__(self, store: RunStore, run: ReadRun, jaeger_url: str, prometheus_url: str) -> None:
        self._store = store
        self._inner = StoreSource.of(store)
        self._found = run
        self._urls = {"jaeger_url": jaeger_url, "prometheus_url": prometheus_url}

    @classmethod
    def read(cls, jaeger: Jaeger, prometheus: Prometheus, run_id: str, copy: Path) -> Self:
        """Read a run.

        Args:
            jaeger: has the run's traces.
            prometheus: has its metrics.
            run_id: the run; see ``runs.latest_run``.
            copy: the file for the copy, which must not exist.

        Raises:
            BackendError: a backend does not answer, or does not have the run.
            StoreError: the copy cannot be written.
        """
        store = RunStore.create(copy)
        try:
            run = read_run(jaeger, prometheus, run_id, store)
            return cls(store, run, jaeger.url, prometheus.url)
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
        """Return what was run, where, and with which versions."""
        return self._inner.provenance().model_copy(update=self._urls)

    def settings(self) -> list[SettingInfo]:
        """Return the settings that ran side by side."""
        return self._inner.settings()

    def expectations(self) -> list[Expected]:
        """Return the scenario's expectations."""
        return self._inner.expectations()

    def lanes(self) -> list[Lane]:
        """Return everything that was found, one lane a setting.

        If Prometheus had no RPC at all, that counts as 0, not as unknown.
        """
        forwarded = self._forwarded()
        return [
            replace(lane, metered=lane.metered or {}, forwarded=forwarded) for lane in self._inner.lanes()
        ]

    def _forwarded(self) -> Forwarded | None:
        """Return what the Collector accepted, beside the number of spans that were found."""
        forwarded = self._found.forwarded
        if forwarded is None:
            return None
        # The span with this count is the only one that it does not include.
        counts = self._store.query(
            "SELECT count(*) FROM spans WHERE name != $name", {"name": names.SPAN_FORWARDED}
        )
        return replace(forwarded, spans=replace(forwarded.spans, stored=int(counts[0][0])))
