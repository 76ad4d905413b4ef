"""A pod's log, from its beginning to its end, whatever becomes of the connection."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from lbstudy.platform.kubernetes import logs
from lbstudy.platform.kubernetes.logs import PodLog

from tests.kubernetes.fake_api import FakeApi, cluster_of


class Answers(httpx2.AsyncBaseTransport):
    """Gives one answer after the other; an exception in it breaks the connection."""

    def __init__(self, *answers: list[bytes | Exception]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url.query))
        if not self._answers:
            return httpx2.Response(404, json={"code": 404}, request=request)
        parts = self._answers.pop(0)

        class Stream(httpx2.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                for part in parts:
                    if isinstance(part, Exception):
                        raise part
                    yield part

        return httpx2.Response(200, stream=Stream(), request=request)


async def follow(tmp_path: Path, answers: Answers, *, ended: bool) -> tuple[str, list[str]]:
    lines: list[str] = []
    async with FakeApi().serve() as api, cluster_of(api) as cluster:
        other = type(cluster)(
            cluster.server,
            cluster.context,
            cluster.namespace,
            cluster.objects,
            httpx2.AsyncClient(transport=answers, base_url="http://api"),
        )
        log = PodLog(other, "a", "server", tmp_path / "a.out", lines.append)
        if ended:
            log.ended.set()
        async with asyncio.timeout(120):
            await log.follow()
    return (tmp_path / "a.out").read_text(), lines


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0.0)
    monkeypatch.setattr(logs, "_AFTER_THE_END", 0.05)


async def test_lines_that_come_in_pieces(tmp_path: Path) -> None:
    text, lines = await follow(tmp_path, Answers([b"on", b"e\ntw", b"o\nrest"]), ended=True)
    assert text == "one\ntwo\nrest"
    assert lines == ["one", "two"]


async def test_a_log_that_breaks_off_is_read_again_and_each_line_told_once(tmp_path: Path) -> None:
    broken: list[bytes | Exception] = [b"one\ntwo\nth", httpx2.ReadError("reset")]
    text, lines = await follow(tmp_path, Answers(broken, [b"one\ntwo\nthree\n"]), ended=False)
    assert text == "one\ntwo\nthree\n"
    assert lines == ["one", "two", "three"]


async def test_the_log_of_the_next_container_comes_after_that_of_the_first(tmp_path: Path) -> None:
    answers = Answers([b"first 1\nlast\n"], [b"first 2\n"])
    text, lines = await follow(tmp_path, answers, ended=False)
    assert text == "first 1\nlast\nfirst 2\n"
    assert lines == ["first 1", "last", "first 2"]
