"""Lanes of which something is not known: it is said so everywhere, and is never a zero, nor "never"."""

import io
import re
from dataclasses import replace

import pytest
from lbstudy.measures.delays import summary
from lbstudy.measures.ledger import ledger
from lbstudy.observation.known import Known, Observer, Seen, Unseen
from lbstudy.observation.records import UNKNOWN_SERVER, Lane
from lbstudy.observation.tallies import ServerTally
from lbstudy.report.html import render_html
from lbstudy.report.terminal import print_summary
from lbstudy.result.build import build
from lbstudy.result.expectations import evaluate
from lbstudy.result.model import Delay, NotObserved, Result, SettingResult
from lbstudy.result.source import Expected
from rich.console import Console

from tests.making.source import Observations
from tests.measures.lanes import connected, lane, pod, rpcs, tally, update

WHY = NotObserved(why="nobody looked", needs="somebody who looks")
NOBODY = Unseen("nobody looked", "somebody who looks")
SILENT = Known(
    instrumented=False,
    servers_instrumented=False,
    rpcs=NOBODY,
    latency=NOBODY,
    answers=NOBODY,
    updates=NOBODY,
    connections=NOBODY,
    codes=Seen(Observer.SERVER_COUNTS),
    counts=NOBODY,
)
PODS = [
    pod("a"),
    pod("b", commanded=20, ready=22, published=23),
    pod("c", removal_commanded=40, terminating=40, exited=41),
]


def counted_only(**others: object) -> Lane:
    """Client and servers have no telemetry; the servers count, but for c."""
    return lane(
        end=60,
        commands=[(-5, 2), (20, 3), (40, 2)],
        pods=PODS,
        server_tallies=[ServerTally("a", {"OK": 70}), ServerTally("b", {}), ServerTally("c", None)],
        known=SILENT,
        **others,  # type: ignore[arg-type]  # lane's own
    )


def only(found: Lane) -> SettingResult:
    (setting,) = build(Observations(found)).settings
    return setting


def test_a_delay_is_measured_or_censored_or_not_observed() -> None:
    assert str(Delay(not_observed=WHY)) == "not observed"
    with pytest.raises(ValueError, match="either"):
        Delay(seconds=1, not_observed=WHY)
    with pytest.raises(ValueError, match="either"):
        Delay()


def test_a_summary_counts_them_apart_and_has_them_in_no_quantile() -> None:
    hidden = Delay(not_observed=WHY)
    found = summary([Delay(seconds=1), hidden, Delay(seconds=2), Delay(censored_after=5), hidden])
    assert (found.count, found.censored, found.not_observed) == (3, 1, 2)
    assert found.median == Delay(seconds=2)
    assert found.largest == Delay(censored_after=5)
    none = summary([hidden])
    assert (none.count, none.not_observed, none.median, none.largest) == (0, 1, hidden, hidden)


def test_without_telemetry_the_servers_counts_are_what_is_known() -> None:
    found = only(counted_only())
    assert found.distribution.total == {"a": 70, "b": 0}
    assert found.distribution.phases == []
    assert found.errors.client_by_code == {"OK": 70}
    assert found.errors.client_by == "the servers’ own counts"
    assert found.adaptability.undiscovered == ["b"]  # it says so itself
    assert found.adaptability.unknown == ["c"]  # it could not tell
    (view,) = found.adaptability.added[0].clients
    assert (view.detect, view.discovery) == (Delay(not_observed=WHY), Delay(not_observed=WHY))
    assert found.adaptability.added[0].fair_share == Delay(not_observed=WHY)
    assert (view.waits, found.adaptability.waits) == ([], None)
    assert [change.failed for change in found.adaptability.changes] == [None, None]
    (dropped,) = found.adaptability.removed[0].clients
    assert dropped.detect == Delay(not_observed=WHY)
    assert found.adaptability.removed[0].failed is None
    assert (found.latency.not_observed, found.latency.offered_rate) == (WHY, None)
    assert found.price is not None
    assert found.price.connections is None


def test_rates_that_nobody_saw_are_no_zeros() -> None:
    found = only(counted_only())
    assert found.timeline.requests == {}
    assert set(found.timeline.errors) == set(found.timeline.unanswered) == {None}
    assert found.errors.server_by_code is None


def test_what_nobody_counts_is_listed_and_not_open() -> None:
    ledger = only(counted_only()).ledger
    assert ledger.closes
    assert [entry.name for entry in ledger.entries] == []
    assert [entry.name for entry in ledger.not_counted] == ["RPCs sent", "RPC spans", "RPCs by server"]


def test_the_client_programs_own_counts_are_held_against_the_servers() -> None:
    told = [tally({"OK": 69, "UNAVAILABLE": 1}, {"a": 69})]
    found = counted_only(client_tallies=told)
    entries = {entry.name: entry.closes for entry in only(found).ledger.entries}
    assert entries == {"RPCs scheduled": True, "RPCs ended": True, "answers": True}
    lost = counted_only(client_tallies=[tally({"OK": 71}, {"a": 71})])
    assert not {e.name: e.closes for e in only(lost).ledger.entries}["answers"]


def test_unknown_is_never_printed_as_never_nor_as_a_number() -> None:
    result = build(Observations(counted_only()))
    assert Result.model_validate_json(result.model_dump_json()) == result
    file = io.StringIO()
    print_summary(result, Console(file=file, width=160))
    text = file.getvalue()
    told = dict(re.findall(r"^(time to detect, median|time to discovery, median|latency p99|achieved rate"
                           r"|largest deviation) +(not observed)", text, re.MULTILINE))  # fmt: skip
    assert len(told) == 5, text
    assert "when the added server got the first request was not observed" in text
    assert "when address lists dropped it was not observed" in text
    assert "how many RPCs failed meanwhile was not observed" in text
    assert "never" not in text.replace("never answered", "").replace("b never", "")
    html = render_html(result)
    assert "Who answered when: not observed." in html
    assert "Latency: not observed." in html
    assert "Not counted by anybody" in html
    assert "no RPC was sent" not in html
    assert "answered RPC/s by server: not observed" in html
    assert "failed RPC/s: not observed" in html
    assert "failed RPC/s: none" not in html
    assert re.search(r'>OK</th><td class="n">70</td><td class="n">not observed</td>', html)


@pytest.mark.parametrize(
    "measure",
    ["detect.median", "discovery.largest", "fair_share.p95", "removal.detect.median", "latency.p99",
     "discovery.undiscovered", "distribution.jain.last", "distribution.coverage.smallest", "load.achieved"],
)  # fmt: skip
def test_what_was_not_observed_meets_no_expectation(measure: str) -> None:
    setting = only(counted_only())
    for bounds in ({"at_least": 0.0}, {"at_most": 1e9}):
        (found,) = evaluate([Expected("stock", measure, **bounds)], [setting])
        assert not found.met
        assert found.found.startswith("not observed: ")


def test_an_unknown_answerer_is_no_proof_that_a_server_got_nothing() -> None:
    """Of b nothing is known: some RPCs since it was Ready were answered by nobody knows whom."""
    found = lane(
        end=60,
        commands=[(-5, 1), (20, 2)],
        pods=PODS[:2],
        rpcs=rpcs([1, 2, 3, 30, 31], "a"),
        updates=[update(0, "a")],
        transitions=[connected(0, "a")],
    )
    assert only(found).adaptability.undiscovered == ["b"]
    server = found.rpcs.server.copy()
    server[4] = UNKNOWN_SERVER
    hidden = replace(found, rpcs=replace(found.rpcs, server=server))
    setting = only(hidden)
    assert (setting.adaptability.undiscovered, setting.adaptability.unknown) == ([], ["b"])
    (view,) = setting.adaptability.added[0].clients
    assert view.discovery is not None
    assert view.discovery.not_observed is not None
    assert view.detect == Delay(censored_after=38)  # that was seen: it is not known to the client
    assert setting.distribution.unknown == 1
    assert [one.name for one in setting.ledger.not_counted] == ["answers by server"]


@pytest.mark.parametrize("counts", [{"a": 3, "b": 1}, {}])
def test_servers_without_telemetry_leave_an_instrumented_clients_ledger_closed(
    counts: dict[str, int],
) -> None:
    """As with [call]: the study's own client calls servers of which the study knows nothing."""
    found = lane(
        end=60,
        pods=PODS[:2],
        rpcs=[*rpcs([1, 2, 3], "a"), *rpcs([4], "b")],
        client_tallies=[tally({"OK": 4}, {})],
        server_tallies=[ServerTally(name, {"OK": counts[name]} if counts else None) for name in ("a", "b")],
        known=Known(servers_instrumented=False),
    )
    server = found.rpcs.server.copy()
    server[:] = UNKNOWN_SERVER
    found = replace(found, rpcs=replace(found.rpcs, server=server))
    told = ledger(found)
    assert told.closes, told.entries
    assert "RPCs by server" not in {entry.name for entry in told.entries}
    missing = {one.name for one in told.not_counted}
    assert ("RPCs by server" if counts else "answers") in missing
    # With servers of the study's own the same is a loss, or is not said to be owed by nobody.
    of_ours = ledger(replace(found, known=Known()))
    assert of_ours.closes is (not counts)
    assert not {"RPCs by server", "answers"} & {one.name for one in of_ours.not_counted}
