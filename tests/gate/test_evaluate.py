"""Whether a clause held in a run: yes, no, or not observed; and the reason that is given where it did not."""

from collections.abc import Sequence

import pytest
from lbstudy.config import load_setting
from lbstudy.config.requirement import (
    AnyClause,
    Connections,
    DnsQueries,
    HungServer,
    MeasureClause,
    NewServer,
    RemovedServer,
    RollingUpdate,
)
from lbstudy.config.setting import Drain, Setting
from lbstudy.gate.evaluate import Found, evaluate
from lbstudy.gate.reasons import reason
from lbstudy.result.model import (
    Delay,
    NotApplied,
    NotObserved,
    Price,
    Said,
    SettingResult,
    Wait,
    WaitedFor,
)

from tests.compare.made_up import UP, setting

UNSEEN = NotObserved(why="nobody looked", needs="somebody")
STOCK = load_setting("stock")
WITHIN_5 = NewServer(kind="new-server", within=5)


def price(connections: float | None, dns: float | None) -> Price:
    return Price(
        connections=None if connections is None else 1,
        connections_rate=connections,
        dns_queries=None if dns is None else 1,
        dns_rate=dns,
        client_cpu=None,
        server_cpu=None,
    )


def with_discovery(result: SettingResult, delays: Sequence[Delay | None]) -> SettingResult:
    (added,) = result.adaptability.added
    views = [
        view.model_copy(update={"discovery": delay})
        for view, delay in zip(added.clients, delays, strict=True)
    ]
    return _with(result, adaptability={"added": [added.model_copy(update={"clients": views})]})


def with_waits(result: SettingResult, *waits: tuple[WaitedFor, float]) -> SettingResult:
    """Each client waits for these one after the other, from Ready on."""
    (added,) = result.adaptability.added
    parts, at = [], UP
    for what, seconds in waits:
        parts.append(Wait(what=what, start=at, end=at + seconds))
        at += seconds
    views = [view.model_copy(update={"waits": parts}) for view in added.clients]
    return _with(result, adaptability={"added": [added.model_copy(update={"clients": views})]})


def _with(result: SettingResult, **parts: dict[str, object]) -> SettingResult:
    return result.model_copy(
        update={name: getattr(result, name).model_copy(update=update) for name, update in parts.items()}
    )


# --- whether it held ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discovery", "expected"),
    [
        ((1.0, 4.9), Found(True, "all 2 within 4.9 s")),
        ((1.0, 5.1), Found(False, "1 of 2 came later, the last after 5.1 s")),
        ((6.0, None), Found(False, "2 of 2 came later, the last after > 20.0 s")),
    ],
)
def test_a_new_server_is_called_in_time_by_every_client(
    discovery: Sequence[float | None], expected: Found
) -> None:
    assert evaluate(WITHIN_5, setting("mine", discovery=discovery)) == expected


def test_a_watch_that_is_too_short_shows_nothing() -> None:
    """Watched for 20 s, asked for 25 s: it may come or not."""
    found = evaluate(NewServer(kind="new-server", within=25), setting("mine", discovery=(1.0, None)))

    assert found == Found(None, "not observed: a new server was watched for less than 25 s")


def test_what_nobody_saw_is_not_observed_unless_another_client_was_late() -> None:
    unseen = Delay(not_observed=UNSEEN)
    base = setting("mine", discovery=(1.0, 2.0))

    assert evaluate(WITHIN_5, with_discovery(base, [Delay(seconds=1), unseen])) == Found(
        None, "not observed: nobody looked"
    )
    assert evaluate(WITHIN_5, with_discovery(base, [Delay(seconds=6), unseen])).held is False


def test_no_new_server_is_not_observed() -> None:
    base = setting("mine")
    (added,) = base.adaptability.added
    never = _with(base, adaptability={"added": [added.model_copy(update={"ready": None})]})

    assert evaluate(WITHIN_5, never).held is None
    assert evaluate(WITHIN_5, _with(base, adaptability={"added": []})).held is None


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (RemovedServer(kind="removed-server", lost_at_most=3), Found(True, "3 requests lost")),
        (RemovedServer(kind="removed-server", lost_at_most=2), Found(False, "3 requests lost")),
        (HungServer(kind="hung-server", lost_at_most=9), Found(True, "9 requests lost")),
        (HungServer(kind="hung-server", lost_at_most=8), Found(False, "9 requests lost")),
        (
            RollingUpdate(kind="rolling-update", lost_at_most=8),
            Found(None, "not observed: it did not happen in this run"),
        ),
    ],
)
def test_what_is_lost_is_that_of_the_change_that_the_clause_is_about(
    clause: AnyClause, expected: Found
) -> None:
    assert evaluate(clause, setting("mine", lost=(70, 3), fault=9)) == expected


def test_what_failed_is_not_observed_where_nobody_tells_when() -> None:
    base = setting("mine", lost=(0, 0), fault=0)
    found = evaluate(
        HungServer(kind="hung-server", lost_at_most=9), _with(base, errors={"not_observed": UNSEEN})
    )

    assert found == Found(None, "not observed: nobody looked")


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (Connections(kind="connections", at_most=10), Found(True, "10.0 new connections a minute")),
        (Connections(kind="connections", at_most=9.9), Found(False, "10.0 new connections a minute")),
        (DnsQueries(kind="dns-queries", at_most=20), Found(False, "21.0 DNS queries a minute")),
    ],
)
def test_a_price_is_held_against_its_bound(clause: AnyClause, expected: Found) -> None:
    assert evaluate(clause, setting("mine", price=price(10, 21))) == expected


def test_a_price_that_nobody_counted_is_not_observed() -> None:
    found = evaluate(DnsQueries(kind="dns-queries", at_most=20), setting("mine", price=price(10, None)))

    assert found.held is None
    assert found.words.startswith("not observed: the DNS server is a cluster’s")


def test_any_measure_can_be_bounded() -> None:
    clause = MeasureClause(kind="measure", measure="latency.p99", at_most=0.1, scenario="scale")

    assert evaluate(clause, setting("mine", p99=0.05)) == Found(True, "0.05 s")
    assert evaluate(clause, setting("mine", p99=0.5)).held is False
    assert evaluate(clause, setting("mine", p99=None)).held is None


# --- why it did not -------------------------------------------------------------------------------

LATE = setting("mine", discovery=(6.0, 7.0))


def test_a_minimum_interval_above_the_connection_age_is_named() -> None:
    wrong = Setting(
        name="wrong",
        channel={"grpc.dns_min_time_between_resolutions_ms": 25000},
        server={"grpc.max_connection_age_ms": 2000},
    )
    late = with_waits(
        LATE, (WaitedFor.TRIGGER, 1.0), (WaitedFor.MINIMUM_INTERVAL, 4.0), (WaitedFor.TURN, 0.5)
    )

    assert reason(WITHIN_5, late, wrong) == (
        "Of the time from Ready until client-0 called a, 73 % was a wait for: minimum interval; a connection"
        " had ended, but a client may look up DNS again only at the end of the minimum interval ([channel]"
        " grpc.dns_min_time_between_resolutions_ms = 25000), which is above the connection age ([server]"
        " grpc.max_connection_age_ms = 2000)."
    )
    assert "= 30000, the default), which is above" in reason(
        WITHIN_5, late, wrong.model_copy(update={"channel": {}})
    )


def test_of_copies_whose_options_nobody_told_none_is_claimed() -> None:
    late = with_waits(LATE, (WaitedFor.MINIMUM_INTERVAL, 6.0))

    assert reason(WITHIN_5, late, None) == (
        "Of the time from Ready until client-0 called a, 100 % was a wait for: minimum interval; a connection"
        " had ended, but a client may not look up DNS again so soon"
        " (grpc.dns_min_time_between_resolutions_ms)."
    )
    never = reason(WITHIN_5, with_waits(LATE, (WaitedFor.TRIGGER, 6.0)), None)
    assert "not set" not in never
    hung = HungServer(kind="hung-server", lost_at_most=1)
    assert reason(hung, setting("mine", fault=9), None) == "Requests failed."


def test_connections_that_never_end_are_named() -> None:
    late = with_waits(LATE, (WaitedFor.TRIGGER, 6.0))

    assert "nothing made the client look up DNS ([server] grpc.max_connection_age_ms is not set)" in reason(
        WITHIN_5, late, STOCK
    )
    aged = Setting(name="mine", server={"grpc.max_connection_age_ms": 60000})
    assert "no connection had ended yet ([server] grpc.max_connection_age_ms = 60000)" in reason(
        WITHIN_5, late, aged
    )


def test_a_hang_that_nothing_gives_up_is_named() -> None:
    base = setting("mine", fault=9)
    said = [Said(code="DEADLINE_EXCEEDED", message="Deadline Exceeded", count=9, example="")]
    hung, clause = _with(base, errors={"client_said": said}), HungServer(kind="hung-server", lost_at_most=1)

    assert reason(clause, hung, STOCK) == (
        "Most of what failed ended with DEADLINE_EXCEEDED (Deadline Exceeded); nothing gives up a connection"
        " on which nobody answers ([channel] grpc.keepalive_time_ms is not set)."
    )
    half = Setting(
        name="half", channel={"grpc.keepalive_time_ms": 2000, "grpc.keepalive_timeout_ms": 1000}
    )  # fmt: skip
    assert (
        "grpc.keepalive_timeout_ms = 1000 has no effect below grpc.http2.ping_timeout_ms, which governs"
        in (reason(clause, hung, half))
    )


def test_servers_that_stop_at_once_are_named() -> None:
    eager = Setting(name="eager", drain=Drain(wait=0, grace=5))
    clause = RemovedServer(kind="removed-server", lost_at_most=0)

    assert "servers stop at once ([drain] wait = 0)" in reason(clause, setting("mine", lost=(0, 3)), eager)
    assert "drain" not in reason(clause, setting("mine", lost=(0, 3)), STOCK)


def test_a_price_names_what_it_comes_from() -> None:
    aged = load_setting("max-age")

    assert reason(DnsQueries(kind="dns-queries", at_most=1), setting("mine"), aged).endswith(
        "at most every [channel] grpc.dns_min_time_between_resolutions_ms = 5000."
    )


def test_an_option_that_was_not_applied_and_a_busy_machine_are_named() -> None:
    ignored = NotApplied(who="client", option="[channel] grpc.x", why="it has none", told_by="study")
    result = setting("mine", discovery=(6.0, 7.0), lateness=9.0).model_copy(update={"not_applied": [ignored]})
    found = reason(WITHIN_5, result, STOCK)

    assert "[channel] grpc.x was not applied: it has none." in found
    assert "The clients' machine was loaded: under mine requests were sent up to 9.0 s late" in found
