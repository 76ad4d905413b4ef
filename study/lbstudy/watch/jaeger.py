"""Queries Jaeger repeatedly while Services are watched: it has single requests, which no counter has."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from lbstudy.backends.otlp_json import ResourceSpans, traces_of
from lbstudy.store.spans import SeenSpan
from lbstudy.watch.evidence import Evidence, SourceState
from lbstudy.watch.spans import FIRST_MESSAGE, PlainSpan, Spans
from lbstudy.watch.words import cannot_ask, counted

NAME: Final = "Jaeger"
_EVERY: Final = 2.0  # s
_BACK: Final = 12.0  # s, because spans arrive late: their exporter and its Collector send them in intervals
_AT_MOST: Final = 2_000  # traces of an answer, about 7 MB
_NANO: Final = 1e9
_NOT_FOUND: Final = 404  # Jaeger's answer if it finds nothing


class JaegerPoller:
    """Asks a Jaeger for the latest traces.

    Args:
        url: its base URL.
        spans: reads each span once.
        take: called with the evidence.
    """

    def __init__(self, url: str, spans: Spans, take: Callable[[Evidence], object]) -> None:
        self._url = url.rstrip("/")
        self._spans = spans
        self._take = take

    async def run(self) -> None:
        """Ask until cancelled; a failed query is reported as a lack."""
        # No proxy: Jaeger is on this machine, or the user's own (lbstudy.direct).
        async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as http:
            while True:
                try:
                    lack = await self._ask(http)
                except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                    lack = cannot_ask(error)
                has = counted(self._spans.spans, "span")
                self._take(SourceState(NAME, has, lack, time.time(), incomplete=bool(lack)))
                await asyncio.sleep(_EVERY)

    async def _ask(self, http: httpx2.AsyncClient) -> str:
        now = time.time()
        query = {
            "query.start_time_min": _rfc3339(now - _BACK),
            "query.start_time_max": _rfc3339(now),
            "query.num_traces": str(_AT_MOST),
            "query.search_depth": str(_AT_MOST),
            "query.raw_traces": "true",
        }
        answer = await http.get(f"{self._url}/api/v3/traces", params=query)
        if answer.status_code == _NOT_FOUND:
            return ""
        answer.raise_for_status()
        groups = traces_of(answer.content)
        for item in evidence(groups, self._spans, now):
            self._take(item)
        traces = {trace for group in groups for trace in group.trace_ids()}
        if len(traces) >= _AT_MOST:
            return f"it has {_AT_MOST} traces or more in {_BACK:.0f} s: the older ones of them are left out"
        return ""


def evidence(groups: list[ResourceSpans], spans: Spans, received: float) -> Iterator[Evidence]:
    """Yield the evidence in Jaeger's spans, which arrived at ``received``; 0.0 if that does not matter."""
    for group in groups:
        for _, span in group.spans():
            yield from spans.take(_plain(span), group.attributes, received)


def _plain(span: SeenSpan) -> PlainSpan:
    return PlainSpan(
        span.name,
        span.kind,
        span.start_unix_nano / _NANO,
        span.end_unix_nano / _NANO,
        span.span_id,
        span.parent_span_id or "",
        span.attributes,
        span.trace_id,
        next((_at(event) for event in span.events if event.get("name") == FIRST_MESSAGE), None),
    )


def _at(event: Mapping[str, Any]) -> float:
    return int(event["time_unix_nano"]) / _NANO


def _rfc3339(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
