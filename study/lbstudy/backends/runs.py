"""Finds the runs that Jaeger has, and the facts of a run."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from lbstudy.backends.http import BackendError
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.otlp_json import ResourceSpans
from lbstudy.observation import attributes
from lbstudy.observation.records import Forwarded
from lbstudy.traces import names
from lbstudy.traces.decode import decode, decode_forwarded
from lbstudy.traces.facts import FactsError, FactSpan, RunFacts

_LISTED: Final = 10
_BACK: Final = 400 * 86_400 * 1_000_000_000  # ns; longer than any Jaeger here keeps traces
_AHEAD: Final = 86_400 * 1_000_000_000  # ns, in case a clock is behind


def latest_run(jaeger: Jaeger) -> str:
    """Return the run whose load started last. Raises BackendError if there is none."""
    runs = _runs(jaeger)
    if not runs:
        raise BackendError(f"{jaeger.url}: has no run that has ended; was it made with lbstudy run --otlp?")
    return runs[0][1]


def read_facts(jaeger: Jaeger, run_id: str) -> tuple[RunFacts, Forwarded | None]:
    """Return a run's facts, and what it says of its way to the Collector.

    Raises:
        BackendError: Jaeger does not have the run, or not all of its facts.
    """
    groups = jaeger.trace(names.trace_id(run_id))
    spans = list(_fact_spans(groups, run_id))
    if not spans:
        raise BackendError(f"{jaeger.url}: does not have the run {run_id}{_hint(_runs(jaeger))}")
    try:
        return decode(spans), decode_forwarded(spans)
    except (FactsError, KeyError) as error:
        raise BackendError(f"{jaeger.url}: run {run_id}: {error}") from error


def _fact_spans(groups: Iterable[ResourceSpans], run_id: str) -> Iterable[FactSpan]:
    for group in groups:
        if group.attributes.get(attributes.RUN_ID) != run_id:
            continue
        for _, span in group.spans():
            yield FactSpan(
                span.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.start_unix_nano,
                span.end_unix_nano,
                span.attributes,
            )


def _runs(jaeger: Jaeger) -> list[tuple[int, str]]:
    """Return the starts and ids of the newest runs, the last one first."""
    now = time.time_ns()
    groups = jaeger.newest(
        now - _BACK,
        now + _AHEAD,
        service=attributes.SERVICE_STUDY,
        operation=names.SPAN_RUN,
        number=_LISTED,
    )
    starts = {
        (span.start_unix_nano, str(span.attributes[attributes.RUN_ID]))
        for group in groups
        for _, span in group.spans()
        if span.name == names.SPAN_RUN
    }
    return sorted(starts, reverse=True)


def _hint(runs: list[tuple[int, str]]) -> str:
    if not runs:
        return ", nor any other"
    listed = (f"{run_id} ({datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d %H:%M} UTC)" for at, run_id in runs)
    return f"; it has {', '.join(listed)}"
