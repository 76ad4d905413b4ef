"""Grafana Tempo by its documented API, with answers made by hand: there is no Tempo to test against."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from lbstudy.backends.http import BackendError
from lbstudy.watch.evidence import Evidence, EvidenceSource, Requests, SourceState
from lbstudy.watch.past import Period, look_back
from lbstudy.watch.spans import Spans
from lbstudy.watch.tempo import Tempo, TempoPoller, answers_as_tempo, found_traces, read_trace

from tests.watch.otlp import client_span, request, server_span
from tests.watch.test_past import END, START, Stored, counter, every

TRACE = request(
    server_span("orders-a", START + 30, "s", parent="c"),
    client_span("checkout", "checkout-1", START + 29.9, START + 30.1, "c"),
)
SHORT = "f3e0cee77ae5dc9c17ade3689eb2e54"
"""As Tempo writes an id that begins with a zero."""


@dataclass
class Answers:
    """A Tempo, or what else answers there."""

    is_tempo: bool = True
    traces: dict[str, bytes] = field(default_factory=lambda: {"0" + SHORT: TRACE.SerializeToString()})
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def serve(self) -> Iterator[str]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.answer(self.path, self.headers.get("Accept", ""))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: tests have their own words."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)

    def answer(self, path: str, accept: str) -> tuple[int, bytes]:
        url = urlsplit(path)
        self.asked.append(url.path)
        if not self.is_tempo:
            return 200, b"<html>a web page</html>"
        if url.path == "/api/echo":
            return 200, b"echo"
        if url.path == "/api/search":
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            assert "grpc" in query["q"]
            is_in = int(query["start"]) <= START + 30 <= int(query["end"])
            # A live search is about now, whenever that is.
            is_live = int(query["start"]) > END
            found = [{"traceID": SHORT}] if is_in or is_live else []
            return 200, json.dumps({"traces": found, "metrics": {}}).encode()
        assert accept == "application/protobuf"
        body = self.traces.get(url.path.rpartition("/")[2])
        return (404, b"") if body is None else (200, body)


async def test_a_live_tempo_tells_of_a_trace_once() -> None:
    told: list[Evidence] = []
    answers = Answers()
    with answers.serve() as url:
        assert await answers_as_tempo(url)
        poller = TempoPoller(url, Spans({"orders-a"}.__contains__), told.append)
        async with httpx2.AsyncClient(trust_env=False) as http:
            assert await poller._ask(http) == ""
            assert await poller._ask(http) == ""
    requests = [one for one in told if isinstance(one, Requests)]
    assert [(one.source, one.pod, one.client) for one in requests] == [
        (EvidenceSource.SERVER_SPANS, "orders-a", None),
        (EvidenceSource.CLIENT_SPANS, "orders-a", "checkout-1"),
    ]
    assert answers.asked.count(f"/api/traces/0{SHORT}") == 1


async def test_what_else_answers_there_is_no_tempo() -> None:
    with Answers(is_tempo=False).serve() as url:
        assert not await answers_as_tempo(url)
        assert Tempo.at(url) is None


def test_the_past_is_read_from_it_and_named() -> None:
    with Answers().serve() as url:
        tempo = Tempo.at(url)
        assert tempo is not None
        stored = Stored(counter("orders-a", every(15, START - 300, END, 2.0)))
        found = look_back(["shop/orders"], Period(START, END), stored, tempo, lambda _: None)
    told = [one for one in found if isinstance(one, Requests) and one.source is EvidenceSource.SERVER_SPANS]
    (only,) = told
    assert (only.pod, only.at) == ("orders-a", START + 30)
    assert [(one.has, one.lack) for one in found if isinstance(one, SourceState) and one.name == "Tempo"] == [
        ("2 spans", "")
    ]


def test_an_answer_that_is_none_is_told_in_one_line() -> None:
    with pytest.raises(ValueError, match="is no search"):
        found_traces(b'{"traces": [{}]}')
    with pytest.raises(ValueError, match="is no trace"):
        read_trace(b"<html>")
    answers = Answers(traces={"0" + SHORT: b"<html>"})
    with answers.serve() as url, pytest.raises(BackendError, match="is no trace as protobuf"):
        list(Tempo(url).traces(START, END))
