"""Asking Grafana Tempo for spans, live and of the past: found by TraceQL, read one trace after the other.

A trace is asked for as protobuf (``Accept: application/protobuf``), as Grafana itself does: Tempo's ``Trace``
has the wire format of an OTLP request. Its JSON writes ids in more than one way. ``/api/echo`` tells Tempo
from Jaeger.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import httpx2
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lbstudy.backends.http import BackendError, RefusedError, base_url, get
from lbstudy.watch.evidence import Evidence, SourceState
from lbstudy.watch.spans import Spans
from lbstudy.watch.words import counted

NAME: Final = "Tempo"
QUERY: Final = (
    '{ span.rpc.system = "grpc" || span.rpc.system.name = "grpc"'
    ' || name = "grpc_lb.resolver.update" || name = "grpc_lb.subchannel" }'
)
PROTOBUF: Final = {"Accept": "application/protobuf"}
_ECHO: Final = "/api/echo"
_EVERY: Final = 2.0  # s
_BACK: Final = 20.0  # s: spans come late, and can be searched later still
_SETTLED: Final = 5.0  # s: by then the spans of a trace are taken to have come
_AT_MOST: Final = 200  # traces that are read at a time, each by a request of its own
_TOGETHER: Final = 8  # requests under way
_REMEMBERED: Final = 20_000  # traces that are not read again
_SEARCHED: Final = 1_000  # traces of one search of the past
_NOTHING: Final = frozenset({204, 404})


def is_tempo(body: bytes) -> bool:
    """Whether that is what Tempo's /api/echo answers; Jaeger has its web page there, or nothing."""
    return body.strip() == b"echo"


def found_traces(body: bytes) -> list[str]:
    """The ids of the traces that a search found. Raises ValueError for another answer."""
    try:
        # Without the zeros at their beginning they are ids all the same.
        return [str(trace["traceID"]).rjust(32, "0") for trace in json.loads(body).get("traces") or ()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is no search's answer: {error}") from error


def read_trace(body: bytes) -> ExportTraceServiceRequest:
    """A trace. Raises ValueError for what is none."""
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(f"is no trace as protobuf: {error}") from error


class TempoPoller:
    """Asks a Tempo for the latest traces, each once.

    Args:
        url: its base URL.
        spans: reads what it has.
        take: is given what is found.
    """

    def __init__(self, url: str, spans: Spans, take: Callable[[Evidence], object]) -> None:
        self._url = url.rstrip("/")
        self._spans = spans
        self._take = take
        self._read: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Ask until cancelled; what cannot be asked is told as a lack."""
        async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as http:
            while True:
                is_incomplete = False
                try:
                    lack = await self._ask(http)
                    is_incomplete = bool(lack)
                except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                    lack = f"cannot be asked ({' '.join(str(error).split()) or type(error).__name__})"
                has = counted(self._spans.spans, "span")
                self._take(SourceState(NAME, has, lack, time.time(), incomplete=is_incomplete))
                await asyncio.sleep(_EVERY)

    async def _ask(self, http: httpx2.AsyncClient) -> str:
        now = time.time()
        query = _search(now - _BACK, now - _SETTLED, _AT_MOST)
        answer = await http.get(f"{self._url}/api/search", params=query)
        answer.raise_for_status()
        trace_ids = found_traces(answer.content)
        new = [trace for trace in trace_ids if trace not in self._read]
        gate = asyncio.Semaphore(_TOGETHER)

        async def read(trace: str) -> None:
            async with gate:
                got = await http.get(f"{self._url}/api/traces/{trace}", headers=PROTOBUF)
            if got.status_code in _NOTHING:
                return
            got.raise_for_status()
            for item in self._spans.read(read_trace(got.content), time.time()):
                self._take(item)
            self._read[trace] = None

        await asyncio.gather(*(read(trace) for trace in new))
        while len(self._read) > _REMEMBERED:
            self._read.popitem(last=False)
        if len(trace_ids) >= _AT_MOST:
            return f"it has {_AT_MOST} traces or more in {_BACK - _SETTLED:.0f} s: the others are left out"
        return ""


class Tempo:
    """The same of the past. Every method raises BackendError when it cannot be asked.

    Args:
        url: its base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = base_url(url, NAME)

    @classmethod
    def at(cls, url: str) -> "Tempo | None":
        """The Tempo of a URL; None: there is none."""
        tempo = cls(url)
        try:
            return tempo if is_tempo(get(tempo.url, _ECHO, {})) else None
        except RefusedError:
            return None

    def traces(self, start: float, end: float) -> Iterator[ExportTraceServiceRequest]:
        """All traces that begin in this time, s since the Unix epoch; Tempo searches by whole seconds."""
        at, width = int(start), 60
        while at < end:
            try:
                trace_ids = found_traces(get(self.url, "/api/search", _search(at, at + width, _SEARCHED)))
                if len(trace_ids) >= _SEARCHED and width > 1:
                    width = max(1, width // 4)
                    continue
                if len(trace_ids) >= _SEARCHED:
                    raise BackendError(f"{self.url}: has {_SEARCHED} traces or more in a second: too many")
                for trace in trace_ids:
                    yield from self._trace(trace)
            except ValueError as error:
                raise BackendError(f"{self.url}: {error}") from error
            at, width = at + width, min(60, width * 2)

    def _trace(self, trace: str) -> Iterator[ExportTraceServiceRequest]:
        try:
            yield read_trace(get(self.url, f"/api/traces/{trace}", {}, PROTOBUF))
        except RefusedError as refused:
            if refused.status not in _NOTHING:
                raise


async def answers_as_tempo(url: str) -> bool:
    """Whether a Tempo is there; Raises httpx2.HTTPError when nothing is."""
    async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as http:
        answer = await http.get(f"{url.rstrip('/')}{_ECHO}")
        return answer.status_code == httpx2.codes.OK and is_tempo(answer.content)


def _search(start: float, end: float, limit: int) -> dict[str, str]:
    return {"q": QUERY, "start": str(int(start)), "end": str(int(end) + 1), "limit": str(limit), "spss": "1"}
