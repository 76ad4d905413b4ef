"""The default run, as a newcomer starts it, against what servers, clients and the DNS server say.

The referees are read here from the programs' own output, with none of the study's code.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from lbstudy.observation.known import Observer, Seen
from lbstudy.observation.records import Lane, Transition
from lbstudy.result.model import Result, SettingResult
from lbstudy.store.source import StoreSource

from tests.programs import Process

LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 400  # s, against hanging only
DOMAIN = "lbstudy.svc.cluster.local"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("default") / "run"
    before = set(psutil.pids())
    with Process(
        [LBSTUDY, "run", "--no-otlp", "--out", str(folder)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _, progress = process.communicate(timeout=GUARD)
    assert process.returncode == 0, progress
    left = [pid for pid in set(psutil.pids()) - before if str(folder.parent) in _command(pid)]
    assert left == []
    return folder


@pytest.fixture(scope="module")
def result(run: Path) -> Result:
    return Result.model_validate_json((run / "result.json").read_text())


@pytest.fixture(params=["stock", "max-age"])
def setting(request: pytest.FixtureRequest, result: Result) -> SettingResult:
    return next(setting for setting in result.settings if setting.name == request.param)


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _events(run: Path, prefix: str, kind: str) -> dict[str, dict[str, Any]]:
    """What each pod whose name begins so said of this kind: pod → event."""
    found = {}
    for log in sorted((run / "logs").glob(f"{prefix}-*.out")):
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == kind:
                found[log.stem] = event
    return found


def test_each_servers_requests_are_what_it_counted_itself(run: Path, setting: SettingResult) -> None:
    counted = {
        pod: event["answered"].get("OK", 0)
        for pod, event in _events(run, f"greeter-{setting.name}", "stopped").items()
    }
    assert len(counted) == 6  # 3, and 3 more
    # No server answers with another code here; what a client saw fail names none.
    assert setting.distribution.total == counted


def test_from_outside_the_same_is_seen_as_by_our_instrumentor(
    run: Path, setting: SettingResult, tmp_path: Path
) -> None:
    """Without all that it told, as of a client with another instrumentation: by spans, DNS log and kernel."""
    inside = _lane(run / "run.duckdb", setting.name)
    outside = _lane(_forgetful(run / "run.duckdb", tmp_path / "copy.duckdb", setting.name), setting.name)
    assert outside.known.answers == Seen(Observer.JOINED)
    assert outside.rpcs.server.tolist() == inside.rpcs.server.tolist()
    assert isinstance(outside.known.updates, Seen)
    assert outside.known.updates.by is Observer.DNS_LOG
    for update in inside.updates:
        alike = [one for one in outside.updates if one.addresses == update.addresses]
        assert any(update.started - 0.05 <= one.ended <= update.ended + 0.05 for one in alike)
    # Connections, but for those that lasted for no longer than the kernel was not looked at.
    assert isinstance(outside.known.connections, Seen)
    assert outside.known.connections.by is Observer.KERNEL
    gap = outside.known.connections.error
    assert gap is not None
    lasting = Counter(
        state.address
        for number, state in enumerate(inside.transitions)
        if state.state == "ready"
        and _left(inside.transitions[number + 1 :], state, inside.end) > state.at + gap
    )
    seen = Counter(state.address for state in outside.transitions if state.state == "ready")
    every = Counter(state.address for state in inside.transitions if state.state == "ready")
    assert lasting <= seen <= every


def _lane(store: Path, setting: str) -> Lane:
    source = StoreSource(store)
    with closing(source):
        return next(lane for lane in source.lanes() if lane.setting == setting)


def _forgetful(store: Path, copy: Path, setting: str) -> Path:
    """A copy of the store in which our instrumentor told nothing of a setting's client."""
    shutil.copy(store, copy)
    with duckdb.connect(copy) as connection:
        connection.execute(
            "DELETE FROM spans WHERE setting = $1 AND starts_with(name, 'grpc_lb.')", [setting]
        )
        connection.execute(
            "UPDATE spans SET server_pod = NULL, channel_id = NULL WHERE setting = $1", [setting]
        )
        ((text,),) = connection.execute("SELECT value FROM meta WHERE key = 'run'").fetchall()
        described = json.loads(text)
        for one in described["settings"]:
            one["instrumented"] = False
        connection.execute("UPDATE meta SET value = $1 WHERE key = 'run'", [json.dumps(described)])
    return copy


def _left(later: Sequence[Transition], state: Transition, end: float) -> float:
    """When a connection was READY no more."""
    own = (one.at for one in later if (one.client, one.subchannel) == (state.client, state.subchannel))
    return next(own, end)


def test_codes_and_rates_are_what_the_client_counted_itself(run: Path, setting: SettingResult) -> None:
    ((_, event),) = _events(run, f"client-{setting.name}", "finished").items()
    tally = event["tally"]
    assert setting.errors.client_by_code == tally["by_code"]
    assert setting.latency.all.count == tally["sent"]
    assert tally["scheduled"] == 2 * 30 * 80
    assert setting.latency.achieved_rate == pytest.approx(tally["sent"] / 80)


def test_resolver_updates_are_what_the_dns_server_was_asked(run: Path, setting: SettingResult) -> None:
    lines = [json.loads(line) for line in (run / "dns.jsonl").read_text().splitlines()]
    asked = [
        line for line in lines if line["name"] == f"greeter-{setting.name}.{DOMAIN}" and line["qtype"] == "A"
    ]
    updates = [event for event in setting.timeline.events if event.kind == "update"]
    assert len(updates) == len(asked) == sum(setting.adaptability.updates_by_outcome.values())
    # Each update comes right after its answer, so that in order of time they pair up.
    zero = _time_zero(run)
    for update, line in zip(sorted(u.at for u in updates), asked, strict=True):
        at = (line["time_unix_nano"] - zero) / 1e9
        assert -0.05 < update - at < 5


def test_what_dns_said_explains_who_was_found(run: Path, result: Result) -> None:
    stock, max_age = result.settings
    lines = [json.loads(line) for line in (run / "dns.jsonl").read_text().splitlines()]
    largest = Counter[str]()
    for line in lines:
        largest[line["name"]] = max(largest[line["name"]], len(line["addresses"]))
    # Nobody ever told stock of a fourth server: it did not ask while there was one.
    assert largest[f"greeter-stock.{DOMAIN}"] == 3
    assert len(stock.adaptability.undiscovered) == 3
    assert all(
        view.discovery and view.discovery.seconds is None
        for a in stock.adaptability.added
        for view in a.clients
    )
    assert largest[f"greeter-max-age.{DOMAIN}"] == 6
    assert max_age.adaptability.undiscovered == []


def test_time_to_discovery_is_what_the_servers_spans_say(run: Path, setting: SettingResult) -> None:
    """The first RPC that a server worked on, by its own span, lies just before the client saw it answered."""
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        first = dict(
            store.execute(
                "SELECT pod, min(end_unix_nano) FROM spans WHERE kind = 'server' AND setting = ? "
                "GROUP BY pod",
                [setting.name],
            ).fetchall()
        )
    zero = _time_zero(run)
    for added in setting.adaptability.added:
        seen = [view.discovery.seconds for view in added.clients if view.discovery and view.discovery.seconds]
        assert (added.server in first) == bool(seen)
        if seen:
            assert added.ready is not None
            worked = (first[added.server] - zero) / 1e9 - added.ready
            assert worked <= min(seen) < worked + 5


def test_every_change_is_a_trace_that_links_to_spans_that_are_there(
    run: Path, setting: SettingResult
) -> None:
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        roots = store.execute(
            "SELECT name, count(*) FROM spans "
            "WHERE setting = ? AND name IN ('server added', 'server removed') GROUP BY name",
            [setting.name],
        ).fetchall()
        links = [
            link
            for (text,) in store.execute(
                "SELECT links FROM spans WHERE service = 'lbstudy' AND setting = ? AND links IS NOT NULL",
                [setting.name],
            ).fetchall()
            for link in json.loads(text)
        ]
        spans = {span for (span,) in store.execute("SELECT span_id FROM spans").fetchall()}
    assert dict(roots) == {"server added": 3, "server removed": 4}
    assert links
    assert {link["span_id"] for link in links} <= spans


def test_the_ledger_closes(result: Result) -> None:
    assert result.ledger_closes
    assert all(entry.closes for setting in result.settings for entry in setting.ledger.entries)


def _time_zero(run: Path) -> int:
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        row = store.execute("SELECT value FROM meta WHERE key = 'time_zero_unix_nano'").fetchone()
    assert row is not None
    return int(row[0])
