"""`lbstudy gate --watch` against an API server on loopback: a rollout that somebody else makes is judged."""

import asyncio
import json
import os
import signal
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lbstudy.cli.main import run
from lbstudy.report.schemas import json_schema

from tests.watch.api import LBSTUDY, Api, kubeconfig_of, send
from tests.watch.otlp import client_span, server_span

SOON = '[[clause]]\nkind = "new-server"\nwithin = 60\n'
VERY_SOON = SOON.replace("60", "2")
HUNG = '[[clause]]\nkind = "hung-server"\nlost_at_most = 0\n'
NAMED = "orders-c is Ready for "
"""It is named after 2 s, and after four times as long: by then a request would long have been told."""
DNS = '[[clause]]\nkind = "dns-queries"\nat_most = 10\n'


def requirement(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(f'name = "mine"\ndescription = "d"\n{text}')
    return str(path)


class Gate:
    """The command while it runs; its progress is on standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def until(self, text: str, times: int = 1) -> str:
        """Read what it says, up to the so-many-th line with this text."""
        assert self.process.stderr is not None
        async with asyncio.timeout(90):
            while line := (await self.process.stderr.readline()).decode():
                self.said += line
                times -= text in line
                if not times:
                    return line
        raise AssertionError(f"{text!r} was not said: {self.said}")

    async def end(self) -> tuple[int | None, str]:
        """Ctrl-C; the exit code and standard output."""
        self.process.send_signal(signal.SIGINT)
        out, errors = await self.process.communicate()
        self.said += errors.decode()
        return self.process.returncode, out.decode()


async def rollout(
    folder: Path, text: str, called: tuple[str, ...], until: str, *options: str, times: int = 1
) -> tuple[int | None, str, str]:
    """Two pods become Ready, and checkout calls those of ``called``, until something is said.

    Returns:
        The exit code, standard output, and what was said.
    """
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        process = await asyncio.create_subprocess_exec(
            LBSTUDY,
            *("gate", requirement(folder, text), "--watch", "orders", "--otlp-listen", "127.0.0.1:0"),
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"KUBECONFIG": str(kubeconfig_of(api, folder))},
        )
        gate = Gate(process)
        try:
            address = (await gate.until("none came yet to")).rpartition(" to ")[2].strip()
            await api.watched()
            await send(address, *load(("orders-a",), 0))  # a client that was there before
            for name, ip in (("orders-b", "10.0.0.2"), ("orders-c", "10.0.0.3")):
                api.pod(name, ip, time.time())
            await gate.until("orders-c is Ready")
            said = asyncio.create_task(gate.until(until, times))
            number = 0
            while not said.done():
                number += 1
                await send(address, *load(("orders-a", *called), number))
                await asyncio.wait([said], timeout=0.5)  # the pace of the load
            await said
            code, out = await gate.end()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert api.methods == {"GET"}
    return code, out, gate.said


def load(pods: tuple[str, ...], number: int) -> list[Any]:
    """Five requests of checkout to each pod, at this instant."""
    now, sent = time.time(), []
    for pod in pods:
        for each in range(5):
            name = f"{pod[-1]}{number}-{each}"
            sent += [
                server_span(pod, now, f"s{name}", parent=f"c{name}"),
                client_span("checkout", "checkout-1", now - 0.001, now, f"c{name}"),
            ]
    return sent


async def test_a_rollout_whose_pods_are_all_called_holds(tmp_path: Path) -> None:
    options = ("--markdown", "--junit", str(tmp_path / "gate.xml"))
    called = ("orders-b", "orders-c")
    code, out, said = await rollout(tmp_path, SOON + HUNG, called, "orders-c got its first request", *options)

    assert (code, "note: clause 2, hung-server: not judged by a watch" in said) == (0, True)
    assert out.startswith("**✅ What a watch can judge of the requirement mine holds.")
    assert "2 pods became Ready; called by checkout within" in out
    (suite,) = ET.parse(tmp_path / "gate.xml").getroot()
    assert suite.get("skipped") == "1"


async def test_a_pod_that_nobody_calls_fails_it_with_the_watchs_words(tmp_path: Path) -> None:
    code, out, _ = await rollout(tmp_path, VERY_SOON, ("orders-b",), NAMED, "--json", times=2)

    found = json.loads(out)
    jsonschema.validate(found, json_schema("gate"))
    (clause,) = found["settings"][0]["clauses"]
    assert (code, clause["state"]) == (3, "does not hold")
    assert clause["reason"].startswith("checkout did not call orders-c in the ")
    assert 'The watch said: "orders-c is Ready for' in clause["reason"]
    assert found["watched"]["became_ready"] == ["orders-b", "orders-c"]


async def test_a_watch_that_sees_no_rollout_or_no_evidence_is_not_passed(tmp_path: Path) -> None:
    api = Api()
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        process = await asyncio.create_subprocess_exec(
            LBSTUDY,
            *("gate", requirement(tmp_path, SOON + DNS), "--watch", "shop/orders", "--for", "1s"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"KUBECONFIG": str(kubeconfig_of(api, tmp_path))},
        )
        out, _ = await process.communicate()
    assert process.returncode == 4
    assert "no rollout was seen: no pod became Ready during the watch" in out.decode()
    assert "DNS queries a minute: not observed (by a watch)" in out.decode()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--watch", "orders", "--setting", "stock"], "--setting: not with --watch"),
        (["--watch", "orders", "--seed", "0", "--on", "local"], "--seed, --on: not with --watch"),
        (["--watch", "orders", "--out", "x"], "--out: not with --watch"),
        (["--watch", "orders", "--subject", "go"], "--subject: not with --watch"),
        (["--watch", "orders", "--dry-run"], "--dry-run: not with --watch"),
        (["--for", "5m"], "--for: only with --watch"),
        (["--prometheus", "http://p:1"], "--prometheus: only with --watch"),
        (["--watch", "Orders!"], "Orders!: expected SERVICE, or NAMESPACE/SERVICE"),
        (["--watch", "shop/orders", "--for", "soon"], "--for soon: expected a duration"),
        (["--watch", "shop/orders", "--otlp-listen", "here"], "--otlp-listen here: expected HOST:PORT"),
        (
            ["--watch", "shop/orders", "--junit", "/nowhere/at/all"],
            "--junit /nowhere/at/all: expected a file",
        ),
        (["--watch", "orders", "--json", "--markdown"], "--json and --markdown exclude each other"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["gate", requirement(tmp_path, SOON), *options]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


def test_a_requirement_of_which_a_watch_can_judge_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["gate", requirement(tmp_path, HUNG), "--watch", "shop/orders"]) == 2
    assert "a watch can judge no clause of it: clause 1, hung-server: not judged" in capsys.readouterr().err
