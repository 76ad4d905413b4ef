"""Whole runs of programs that tell little or nothing: others tell what is known, the rest is "not observed".

The referees are the programs themselves, by notes that the study does not read; the DNS server's log; and the
kernel's table of connections, as psutil reads it in /proc.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil
import pytest
from lbstudy.result.model import Result, SettingResult

from tests.subjects.programs import GO

HERE = Path(__file__).parent
LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 240  # s, against hanging only
RATE, SECONDS = 10, 3
HELLO = """
name = "{name}"
[server]
command = ["{{python}}", "{here}/hello_server.py", "--listen", "{{address}}",
  "--notes", "{{folder}}/{{pod}}.server"{tell}]
[client]
command = ["{{python}}", "{here}/hello_client.py", "--target", "{{target}}",
  "--service-config", "{{service_config}}", "--start-at", "{{start_at}}", "--duration", "{{duration}}",
  "--rate", "{{rate}}", "--notes", "{{folder}}/{{pod}}.client"]
"""
SCENARIO = f"""
name = "moment"
duration = {SECONDS}
[load]
clients = 1
rate = {RATE}
timeout = 30
[[step]]
at = 0
servers = 2
[[step]]
at = 0.5
servers = 3
"""
SETTING = 'name = "brief"\n[drain]\nwait = 0\ngrace = 1\n'


@dataclass(frozen=True)
class Run:
    """A run that is done."""

    folder: Path
    said: str  # on the terminal
    result: Result
    seen: frozenset[tuple[str, str]]  # its clients' connections, by psutil: from, to

    def setting(self, name: str) -> SettingResult:
        """Find what a setting came to."""
        return next(one for one in self.result.settings if one.name == name)

    def told(self, query: str) -> list[tuple[str, ...]]:
        """Ask the store."""
        with duckdb.connect(str(self.folder / "out" / "run.duckdb"), read_only=True) as store:
            return store.execute(query).fetchall()

    def notes(self, name: str) -> dict[str, list[str]]:
        """The lines that programs noted for themselves, by the file's name."""
        return {path.name: path.read_text().splitlines() for path in self.folder.glob(name)}

    def lookups(self, name: str) -> int:
        """How often the DNS server answered with addresses, by its own log."""
        entries = map(json.loads, (self.folder / "out" / "dns.jsonl").read_text().splitlines())
        return sum(one["qtype"] == "A" and one["name"].startswith(f"{name}.") for one in entries)


def study(folder: Path, client: str, *arguments: str) -> Run:
    """Run a scenario, and look meanwhile at the connections of processes with a text in their command."""
    (folder / "moment.toml").write_text(SCENARIO)
    (folder / "brief.toml").write_text(SETTING)
    seen: set[tuple[str, str]] = set()
    command = [str(LBSTUDY), "run", "./moment.toml", "--setting", "./brief.toml", *arguments]
    with subprocess.Popen(
        [*command, "--out", "out", "--no-otlp", "--plain"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    ) as process:
        found, said, err = psutil.Process(process.pid), "", ""
        while process.poll() is None:
            seen.update(connections(found, client))
            try:
                said, err = process.communicate(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 0, err
    result = Result.model_validate_json((folder / "out" / "result.json").read_text())
    return Run(folder, said, result, frozenset(seen))


def connections(study: psutil.Process, client: str) -> Iterator[tuple[str, str]]:
    """Tell the connections to servers that the clients of a study have now."""
    for process in study.children(recursive=True):
        try:
            if client in " ".join(process.cmdline()):
                for one in process.net_connections("tcp"):
                    if one.status == psutil.CONN_ESTABLISHED and one.raddr and one.raddr.port == 50051:
                        yield text(one.laddr), text(one.raddr)
        except psutil.NoSuchProcess:
            continue


def text(address: "psutil._ntuples.addr") -> str:
    return f"{address.ip.removeprefix('::ffff:')}:{address.port}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Side by side: a client that prints nothing, with servers that print their counts and some that do not.

    Beside them Go on both sides with otelgrpc and nothing else, where it is built.
    """
    folder = tmp_path_factory.mktemp("subjects")
    for name, tell in (("counting", ', "--tell"'), ("silent", "")):
        (folder / f"{name}.toml").write_text(HELLO.format(name=name, here=HERE, tell=tell))
    subjects = ["./counting.toml", "./silent.toml", *(["go-server"] if GO.is_built() else [])]
    return study(folder, "greeter-client", "--subject", ",".join(subjects))


def test_whom_the_servers_counts_tell_of_is_known_and_when_is_not(done: Run) -> None:
    found = done.setting("counting-brief")

    answered = {
        name.removesuffix(".server"): len(peers) for name, peers in done.notes("counting-*.server").items()
    }
    assert found.distribution.total == answered
    assert sum(answered.values()) == RATE * SECONDS
    assert found.errors.client_by_code == Counter(done.notes("client-counting-*.client").popitem()[1])
    assert found.errors.client_by == "the servers’ own counts"
    assert [
        entry.name for entry in found.ledger.entries
    ] == []  # the client has nothing to be held against it


def test_of_programs_that_say_nothing_no_rpc_is_known(done: Run) -> None:
    found = done.setting("silent-brief")

    assert Counter(done.notes("client-silent-*.client").popitem()[1]) == {
        "OK": RATE * SECONDS
    }  # there were some
    assert (found.errors.client_by_code, found.errors.client_by, found.errors.ratio) == ({}, "", None)
    assert found.distribution.total == {}
    ready = {
        one.server for one in found.adaptability.added if one.clients
    }  # or not in time, on a busy machine
    assert set(found.adaptability.unknown) >= {*found.servers[:2], *ready}
    assert found.adaptability.undiscovered == []
    assert "silent-brief: how many RPCs failed was not observed" in " ".join(done.said.split())
    for label in (
        *(["undiscovered servers"] if ready else []),
        "failed RPCs",
        "latency p99",
        "achieved rate",
    ):
        (row,) = re.findall(rf"^{label}  .*", done.said, re.MULTILINE)
        assert re.search("  not observed(  |$)", row), row


@pytest.mark.parametrize("name", ["counting-brief", "silent-brief"])
def test_look_ups_and_connections_are_those_of_dns_and_the_kernel(done: Run, name: str) -> None:
    found = done.setting(name)
    known = {part.what: part.by for part in found.known}

    assert known["when the client’s resolver was told what"] == "the DNS server’s log"
    updates = [one for one in found.timeline.events if one.kind == "update"]
    assert len(updates) == done.lookups(name) > 0
    assert known["the client’s connections to servers"] == "the kernel’s table of connections"
    peers = {peer for file in done.notes(f"{name}-*.server").values() for peer in file}
    opened = done.told(f"SELECT local FROM connections WHERE state = 'open' AND pod LIKE 'client-{name}-%'")
    assert {f"ipv4:{local}" for (local,) in opened} >= peers
    assert len(opened) == len(peers)  # as the servers saw them, by each RPC's peer


@pytest.mark.parametrize("name", ["counting-brief", "silent-brief"])
def test_what_nobody_saw_is_neither_never_nor_zero(done: Run, name: str) -> None:
    found = done.setting(name)

    (added,) = found.adaptability.added
    for client in added.clients:  # none where it was not Ready in time
        assert client.discovery is not None
        assert client.discovery.not_observed is not None
    assert [change.failed for change in found.adaptability.changes] == [None]
    assert found.adaptability.discovery.count == 0
    assert found.latency.not_observed is not None
    assert (found.timeline.requests, set(found.timeline.errors)) == ({}, {None})
    assert found.errors.server_by_code is None
    assert {tuple(one.cpu) for one in found.utilisation.servers} == {()}
    assert found.utilisation.not_observed is not None
    html = (done.folder / "out" / "report.html").read_text()
    assert html.count("failed RPC/s: not observed") == 2  # of Go's, it is known
    assert "no RPC was sent" not in html


@pytest.fixture
def in_go(done: Run) -> SettingResult:
    """What Go on both sides came to."""
    GO.need()
    return done.setting("go-server-brief")


def test_go_on_both_sides_closes_its_ledger(in_go: SettingResult) -> None:
    assert in_go.ledger.closes
    entries = {entry.name: entry.left_count for entry in in_go.ledger.entries}
    for name in ("RPC spans", "answers by server", "RPCs by server", "answers"):
        assert entries[name] == RATE * SECONDS
    assert [entry.name for entry in in_go.ledger.not_counted] == ["resolver updates"]


def test_who_answered_a_go_client_is_what_the_go_servers_counted(done: Run, in_go: SettingResult) -> None:
    known = {part.what: part.by for part in in_go.known}

    counted = {}
    for log in (done.folder / "out" / "logs").glob("go-server-*.out"):
        last = json.loads(log.read_text().splitlines()[-1])
        counted[log.stem] = last["answered"].get("OK", 0)
    assert known["who answered each RPC"] == "the server’s RPC span whose parent is the client’s"
    assert in_go.distribution.total == counted
    assert in_go.latency.all.count == sum(counted.values()) == RATE * SECONDS


def test_a_go_clients_look_ups_and_connections_are_those_of_dns_and_proc(
    done: Run, in_go: SettingResult
) -> None:
    assert len([one for one in in_go.timeline.events if one.kind == "update"]) == done.lookups(
        "go-server-brief"
    )
    opened = done.told(
        "SELECT local, remote FROM connections WHERE state = 'open' AND pod LIKE 'client-go-%'"
    )
    assert set(opened) == done.seen
    assert in_go.utilisation.not_observed is not None  # otelgrpc sends no metrics of the process
