"""Copies a run from Jaeger and Prometheus to a store like a run's own."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.metrics import rows, selector
from lbstudy.backends.otlp_json import ResourceSpans
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.runs import read_facts
from lbstudy.observation import attributes
from lbstudy.observation.records import Forwarded
from lbstudy.store.database import RunStore
from lbstudy.store.description import write_description
from lbstudy.store.resources import Resources
from lbstudy.store.rows import MetricRow, ResourceRow, SpanRow
from lbstudy.store.spans import span_row
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.record import record

T = TypeVar("T")

_NANO: Final = 1_000_000_000
_MARGIN: Final = 60 * _NANO
"""Time before the first change and after the last one that also counts: the run's telemetry lies within."""
_BATCH: Final = 5_000  # points that are stored at once
_END: Final = object()


@dataclass(frozen=True, slots=True)
class ReadRun:
    """What was found."""

    run_id: str
    spans: int  # the run's spans, each counted once
    samples: int
    forwarded: Forwarded | None  # what the run says that the Collector accepted


def read_run(jaeger: Jaeger, prometheus: Prometheus, run_id: str, store: RunStore) -> ReadRun:
    """Copy everything of a run to an empty store.

    Raises:
        BackendError: a backend does not answer, or does not have the run.
        StoreError: the store cannot be written.
    """
    facts, forwarded = read_facts(jaeger, run_id)
    write_description(store, facts.description)
    record(facts, store)
    start, end = _time(facts)
    resources = Resources()
    spans = _Spans(run_id, store, resources)
    for groups in ahead(jaeger.traces(start, end)):
        spans.add(groups)
    samples = _add_metrics(prometheus, selector(run_id), (start, end), store, resources)
    return ReadRun(run_id, spans.count, samples, forwarded)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the same items; a thread makes the next one meanwhile. An error is raised in its item's place."""
    with ThreadPoolExecutor(1, thread_name_prefix="lbstudy-ahead") as thread:
        coming = thread.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]  # it is not the end


def _time(facts: RunFacts) -> tuple[int, int]:
    """Return from when to when the run has telemetry, in ns since the Unix epoch."""
    zero = facts.description.time_zero_unix_nano
    end = zero + round(facts.description.provenance.duration * _NANO)
    instants = [zero, end, *(change.at for change in facts.changes)]
    return min(instants) - _MARGIN, max(instants) + _MARGIN


class _Spans:
    """Stores the spans of one run, each once: OTLP may deliver them twice, and windows of time overlap."""

    def __init__(self, run_id: str, store: RunStore, resources: Resources) -> None:
        self._run_id = run_id
        self._store = store
        self._resources = resources
        # the resource as Jaeger has it → its row; None: of another run
        self._rows: dict[bytes, ResourceRow | None] = {}
        self._seen: set[str] = set()

    @property
    def count(self) -> int:
        return len(self._seen)

    def add(self, groups: Iterable[ResourceSpans]) -> None:
        """Store those of the run that are not stored yet."""
        new: list[ResourceRow] = []
        spans: list[SpanRow] = []
        for group in groups:
            resource = self._resource(group, new)
            if resource is None:
                continue
            for scope, span in group.spans():
                key = span.trace_id + span.span_id
                if key not in self._seen:
                    self._seen.add(key)
                    spans.append(span_row(span, resource, scope))
        self._store.add_telemetry(new, spans, [])

    def _resource(self, group: ResourceSpans, new: list[ResourceRow]) -> ResourceRow | None:
        """Return the row of the run's resource, added to ``new`` if it is new; None for another run's."""
        raw = bytes(group.resource)
        if raw not in self._rows:
            is_of_run = group.attributes.get(attributes.RUN_ID) == self._run_id
            row, is_new = self._resources.row(group.attributes) if is_of_run else (None, False)
            self._rows[raw] = row
            if row is not None and is_new:
                new.append(row)
        return self._rows[raw]


def _add_metrics(
    prometheus: Prometheus, select: str, time: tuple[int, int], store: RunStore, resources: Resources
) -> int:
    pairs = rows(prometheus.samples(select, time[0] / _NANO, time[1] / _NANO), resources)
    total = 0
    for new, points in _batches(pairs):
        store.add_telemetry(new, [], points)
        total += len(points)
    return total


def _batches(
    pairs: Iterable[tuple[ResourceRow | None, list[MetricRow]]],
) -> Iterable[tuple[list[ResourceRow], list[MetricRow]]]:
    new: list[ResourceRow] = []
    points: list[MetricRow] = []
    for resource, more in pairs:
        new.extend([resource] if resource is not None else [])
        points.extend(more)
        if len(points) >= _BATCH:
            yield new, points
            new, points = [], []
    yield new, points
