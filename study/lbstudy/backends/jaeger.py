"""Jaeger's query API v3 over HTTP: traces as OTLP JSON.

Its gateway (2.13) has undocumented limits: it sends everything at once, without paging or a search by
attributes; the number of traces, ``query.num_traces`` (later ``query.search_depth``), is required; and the
newest traces come first. So a search is divided into windows of time, each so narrow that all of its traces
fit.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from lbstudy.backends.http import BackendError, RefusedError, base_url, get
from lbstudy.backends.otlp_json import ResourceSpans, traces_of

Groups = list[ResourceSpans]

_AT_MOST: Final = 2_000  # traces of an answer, about 7 MB
_FIRST_WINDOW: Final = 1_000_000_000  # ns
_NARROWEST: Final = 1_000  # ns
_GROWTH: Final = 8  # at most, from one window to the next
_FILLED: Final = 0.7  # the share of an answer's limit to aim at
_NANO: Final = 1_000_000_000


class Jaeger:
    """A Jaeger.

    Every method raises BackendError if it does not answer.

    Args:
        url: its query service, "http://127.0.0.1:16686", with its base path if it has one.
        at_most: the number of traces to request at a time.
    """

    def __init__(self, url: str, *, at_most: int = _AT_MOST) -> None:
        self.url = base_url(url, "Jaeger")
        self._at_most = at_most

    def trace(self, trace_id: str) -> Groups:
        """Return a trace; empty if Jaeger does not have it."""
        return self._get(f"/api/v3/traces/{trace_id}", {"raw_traces": "true"})

    def newest(
        self, start_unix_nano: int, end_unix_nano: int, *, service: str, operation: str, number: int
    ) -> Groups:
        """Return the newest traces with a span of this operation that starts in this time."""
        return self._find(start_unix_nano, end_unix_nano, number, service, operation)

    def traces(self, start_unix_nano: int, end_unix_nano: int, *, service: str = "") -> Iterator[Groups]:
        """Yield all traces with a span (of a service) that starts in this time, some at a time.

        A trace whose spans start in two windows is returned twice.
        """
        start, width = start_unix_nano, _FIRST_WINDOW
        while start < end_unix_nano:
            end = min(start + width, end_unix_nano)
            groups = self._find(start, end, self._at_most, service)
            count = len({trace_id for group in groups for trace_id in group.trace_ids()})
            if count < self._at_most:
                yield groups
                # The next window should contain as many traces a second as this one.
                fitting = _FILLED * self._at_most / count if count else _GROWTH
                width = max(_NARROWEST, round((end - start) * min(_GROWTH, fitting)))
                start = end
            elif end - start <= _NARROWEST:
                raise BackendError(f"{self.url}: has {count} traces or more at one instant, too many to read")
            else:
                width = (end - start) // 2

    def _find(self, start: int, end: int, number: int, service: str = "", operation: str = "") -> Groups:
        query = {
            "query.start_time_min": _rfc3339(start),
            "query.start_time_max": _rfc3339(end),
            "query.num_traces": str(number),
            "query.search_depth": str(number),
            # Raw: as stored, without the adjustments for display.
            "query.raw_traces": "true",
        }
        if service:
            query["query.service_name"] = service
        if operation:
            query["query.operation_name"] = operation
        return self._get("/api/v3/traces", query)

    def _get(self, path: str, query: dict[str, str]) -> Groups:
        try:
            return traces_of(get(self.url, path, query))
        except RefusedError as refused:
            # If it finds nothing, Jaeger answers with an error.
            if refused.status != 404:
                raise
            if refused.is_json:
                return []
            raise BackendError(f"{self.url}: is not a Jaeger with the API v3") from refused
        except ValueError as error:
            raise BackendError(f"{self.url}: is not a Jaeger with the API v3: {error}") from error


def _rfc3339(unix_nano: int) -> str:
    seconds, nanos = divmod(unix_nano, _NANO)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"
