"""`lbstudy watch` against an API server on loopback, with Prometheus and spans beside it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lbstudy.cli.main import run
from lbstudy.report.schemas import json_schema

from tests.watch.api import LBSTUDY, Api, kubeconfig_of, send
from tests.watch.otlp import client_span, server_span


@dataclass
class Watching:
    """The command while it runs."""

    process: asyncio.subprocess.Process
    out: Path
    lines: list[str] = field(default_factory=list)

    async def until(self, text: str) -> str:
        """Read its lines up to one with this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(90):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line)
                if text in line:
                    return line
        raise AssertionError(f"{text!r} was not said: {''.join(self.lines)}")

    async def end(self) -> dict[str, Any]:
        """Ctrl-C, and what it leaves."""
        self.process.send_signal(signal.SIGINT)
        rest, errors = await self.process.communicate()
        self.lines.append(rest.decode())
        assert self.process.returncode == 0, errors.decode() + "".join(self.lines)
        found: dict[str, Any] = json.loads((self.out / "watch.json").read_text())
        jsonschema.validate(found, json_schema("watch"))
        return found


@asynccontextmanager
async def watching(api: Api, folder: Path, *options: str) -> AsyncIterator[Watching]:
    out = folder / "watched"
    process = await asyncio.create_subprocess_exec(
        LBSTUDY,
        *("watch", "orders", "--out", str(out), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"KUBECONFIG": str(kubeconfig_of(api, folder))},
    )
    try:
        yield Watching(process, out)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_spans_tell_the_first_request_and_the_pod_that_nobody_calls(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path, "--otlp-listen", "127.0.0.1:0", "--after", "3s") as command:
            address = (await command.until("none came yet to")).rpartition(" to ")[2].strip()
            await api.watched()
            for name, ip in (("orders-b", "10.0.0.2"), ("orders-c", "10.0.0.3")):
                api.pod(name, ip, time.time(), created=time.time())
            await command.until("orders-c is Ready")
            for number in range(8):
                now = time.time()
                await send(
                    address,
                    server_span("orders-a", now, f"a{number}"),
                    server_span("orders-b", now, f"b{number}", parent=f"c{number}"),
                    client_span("checkout", "checkout-1", now - 0.001, now, f"c{number}"),
                )
                if number == 0:
                    first = now
                await asyncio.sleep(0.5)  # the pace of the load, not a wait for anything
            named = await command.until("no request to it was observed")
            found = await command.end()
    assert "orders-c is Ready for" in named
    pods = {pod["name"]: pod for pod in found["services"][0]["pods"]}
    assert pods["orders-b"]["first_request"] == {"at": pytest.approx(first, abs=1e-5), "error": 0.0}
    assert [caller["workload"] for caller in pods["orders-b"]["callers"]] == ["checkout"]
    assert (pods["orders-c"]["first_request"], pods["orders-c"]["uncalled"]) == (None, True)
    assert (
        pods["orders-a"]["first_request"] is None
    )  # it was Ready before: its first request was not observed
    assert pods["orders-a"]["requests"] == {"server spans": 8}
    assert api.methods == {"GET"}
    # The study's report tells the same.
    (setting,) = json.loads((command.out / "result.json").read_text())["settings"]
    adaptability = setting["adaptability"]
    assert [one["server"] for one in adaptability["added"]] == ["orders-b", "orders-c"]
    assert adaptability["undiscovered"] == ["orders-c"]
    assert setting["distribution"]["total"] == {"orders-a": 8, "orders-b": 8, "orders-c": 0}
    (row,) = (one for one in adaptability["added"][0]["clients"] if one["client"] == "checkout-1")
    after = first - found["began"] - adaptability["added"][0]["ready"]
    assert row["discovery"]["seconds"] == pytest.approx(max(0.0, after), abs=0.05)


async def test_counters_of_any_label_tell_it_as_well_and_losing_them_is_said(tmp_path: Path) -> None:
    api = Api()
    begun = time.time()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", begun - 3600)
        api.pod("orders-b", "10.0.0.2", begun - 3600)
        api.counts = {"orders-a": [(begun - 5, 100)], "orders-b": [(begun - 5, 7)]}
        async with watching(
            api, tmp_path, "--prometheus", f"{api.url}/prometheus", "--after", "2s"
        ) as command:
            await command.until("2 Ready")
            await api.watched()
            await api.polled()
            now = time.time()  # however long it took to begin: what is sampled before says nothing
            for seconds in range(1, 9):
                api.counts["orders-a"].append((now + seconds, 100 + 3 * seconds))
                api.counts["orders-b"].append((now + seconds, 7))
            assert "orders-b is Ready for" in await command.until(" min, watched for")
            api.is_prometheus_there = False
            await command.until("Prometheus: cannot be asked (it answers 503); the watch goes on")
            api.is_prometheus_there = True
            await command.until("Prometheus: back")
            found = await command.end()
    pods = {pod["name"]: pod for pod in found["services"][0]["pods"]}
    assert pods["orders-a"]["requests"] == {"server metrics": 24}
    assert (pods["orders-b"]["requests"], pods["orders-b"]["uncalled"]) == ({"server metrics": 0}, True)


async def test_the_watch_goes_on_without_its_jaeger_and_says_when_it_is_back(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path, "--jaeger", f"{api.url}/jaeger") as command:
            await api.polled("/jaeger/api/v3/traces", 2)  # when it asks again, the first answer has been told
            api.is_jaeger_there = False
            lost = await command.until("Jaeger: cannot be asked")
            api.pod("orders-b", "10.0.0.2", time.time())
            await command.until("orders-b is Ready")
            api.is_jaeger_there = True
            await command.until("Jaeger: back")
            found = await command.end()
    assert lost.endswith("Jaeger: cannot be asked (it answers 503); the watch goes on with what is left\n")
    assert {one["name"]: one["lacks"] for one in found["sources"]}["Jaeger"] == ""


async def test_the_watch_goes_on_when_the_api_cuts_it(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path) as command:
            await command.until("1 Ready")
            await api.watched()
            api.cut()
            await command.until("the watch goes on with what is left")
            await api.watched()
            api.pod("orders-b", "10.0.0.2", time.time())
            await command.until("orders-b is Ready")
            found = await command.end()
    assert [pod["name"] for pod in found["services"][0]["pods"]] == ["orders-a", "orders-b"]


async def test_without_traffic_evidence_it_says_what_is_missing(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path, "--after", "1s") as command:
            await command.until("whether anybody calls it is not observed")
            found = await command.end()
    lacks = {source["name"]: source["lacks"] for source in found["sources"]}
    assert "--otlp-listen" in lacks["spans"]
    assert "--prometheus URL" in lacks["Prometheus"]
    pod = found["services"][0]["pods"][0]
    assert (pod["requests"], pod["silent"], pod["uncalled"]) == ({}, None, False)


async def test_it_ends_by_itself_when_its_time_is_over(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path, "--for", "1s", "--json") as command:
            printed, _ = await command.process.communicate()
    assert command.process.returncode == 0
    assert json.loads(printed) == json.loads((command.out / "watch.json").read_text())
    assert sorted(path.name for path in command.out.iterdir()) == ["report.html", "result.json", "watch.json"]
    jsonschema.validate(json.loads((command.out / "result.json").read_text()), json_schema("result"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["shop/orders", "--for", "soon"], "--for soon: expected a duration"),
        (["Orders!"], "Orders!: expected SERVICE, or NAMESPACE/SERVICE"),
        (["shop/orders", "--otlp-listen", "here"], "--otlp-listen here: expected HOST:PORT"),
        (["shop/orders", "--prometheus", "9090"], "--prometheus 9090: expected a URL"),
        (["shop/orders", "--since", "6h"], "--since needs --prometheus URL"),
        (["shop/orders", "--out", "/dev/null"], "--out /dev/null: expected a folder, new or there"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", *options]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pods", "watching pods: the API answered 403; docs/watch.md has the Role"),
        ("orders", "orders is forbidden"),
    ],
)
async def test_what_must_be_read_and_may_not_is_one_line(tmp_path: Path, kind: str, words: str) -> None:
    api = Api(forbidden=frozenset({kind}))
    async with api.serve(), watching(api, tmp_path) as command:
        _, errors = await command.process.communicate()
    assert command.process.returncode == 1
    assert words in errors.decode()
