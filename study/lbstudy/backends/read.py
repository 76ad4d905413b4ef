"""A run out of Jaeger and Prometheus into a store like the one that a run writes itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lbstudy.backends.ahead import ahead
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.metrics import rows, selector
from lbstudy.backends.otlp_json import ResourceSpans
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.runs import read_facts
from lbstudy.facts.model import RunFacts
from lbstudy.observation import attributes
from lbstudy.observation.records import Forwarded
from lbstudy.run.record import record
from lbstudy.store.database import RunStore
from lbstudy.store.description import write_description
from lbstudy.store.resources import Resources
from lbstudy.store.rows import MetricRow, ResourceRow, SpanRow
from lbstudy.store.spans import span_row

_NANO: Final = 1_000_000_000
_MARGIN: Final = 60 * _NANO
"""Before the first change and after the last one; a run's telemetry lies between them."""
_BATCH: Final = 5_000  # points that are stored in one go


@dataclass(frozen=True, slots=True)
class ReadRun:
    """What was found."""

    run_id: str
    spans: int  # of the run, each counted once
    samples: int
    forwarded: Forwarded | None  # what the run says that the Collector accepted


def read_run(jaeger: Jaeger, prometheus: Prometheus, run_id: str, store: RunStore) -> ReadRun:
    """Copy everything of a run into an empty store.

    Raises:
        BackendError: a backend cannot be asked, or does not have the run.
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


def _time(facts: RunFacts) -> tuple[int, int]:
    """From when to when the run has telemetry, in ns since the Unix epoch."""
    zero = facts.description.time_zero_unix_nano
    end = zero + round(facts.description.provenance.duration * _NANO)
    instants = [zero, end, *(change.at for change in facts.changes)]
    return min(instants) - _MARGIN, max(instants) + _MARGIN


class _Spans:
    """Stores the spans of one run, each once: OTLP delivers at least once, windows of time overlap."""

    def __init__(self, run_id: str, store: RunStore, resources: Resources) -> None:
        self._run_id = run_id
        self._store = store
        self._resources = resources
        self._rows: dict[bytes, ResourceRow | None] = {}  # as Jaeger tells it → None: of another run
        self._seen: set[str] = set()

    @property
    def count(self) -> int:
        return len(self._seen)

    def add(self, groups: Iterable[ResourceSpans]) -> None:
        """Store those of the run that are not there yet."""
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
        """The row of the run's resource, added to ``new`` if it is; None for that of another run."""
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
    found = rows(prometheus.samples(select, time[0] / _NANO, time[1] / _NANO), resources)
    total = 0
    for new, points in _batches(found):
        store.add_telemetry(new, [], points)
        total += len(points)
    return total


def _batches(
    found: Iterable[tuple[ResourceRow | None, list[MetricRow]]],
) -> Iterable[tuple[list[ResourceRow], list[MetricRow]]]:
    new: list[ResourceRow] = []
    points: list[MetricRow] = []
    for resource, more in found:
        new.extend([resource] if resource is not None else [])
        points.extend(more)
        if len(points) >= _BATCH:
            yield new, points
            new, points = [], []
    yield new, points
