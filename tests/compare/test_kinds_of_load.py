"""Figures of streams, cold servers and TLS in a comparison: where such load was, and seen or not seen."""

from io import StringIO

from lbstudy.compare.measured import figures, hidden, values
from lbstudy.compare.model import Amount, ComparedScenario, Comparison
from lbstudy.measures.delays import summary
from lbstudy.report.compare_html import render_comparison
from lbstudy.report.compare_markdown import render_markdown
from lbstudy.report.compare_terminal import print_comparison
from lbstudy.result.model import (
    Connecting,
    DelaySummary,
    Holding,
    NotObserved,
    PhaseDistribution,
    SettingResult,
    Streams,
    Young,
)
from rich.console import Console

from tests.compare import made_up

STREAMS = ["held", "stayed", "messages", "cut", "cut_staying"]
TLS = ["connect", "storm"]
WHY = NotObserved(why="nobody tells", needs="our instrumentor")


def delays(*seconds: float | None) -> DelaySummary:
    return summary([made_up.seconds(one) for one in seconds])


def holding(of: str, *seconds: float | None) -> Holding:
    found = delays(*seconds)
    at = made_up.UP if of == "servers that stay" else made_up.DOWN
    return Holding(at=at, label="", of=of, streams=len(seconds), cut=0, holding=found)  # type: ignore[arg-type]


def streaming(
    name: str = "stock", *, cut: int = 3, held: float | None = 9.0, **changed: object
) -> SettingResult:
    spread = PhaseDistribution(
        phase=1,
        requests=10,
        fair_share=0.25,
        servers=[],
        largest_deviation=0.7,
        jain=None,
        chi2_p=None,
        coverage=None,
    )
    streams = Streams(
        count=20,
        by_kind={"bidi": 20},
        by_code={"OK": 20 - cut, "UNAVAILABLE": cut},
        cut=cut,
        cut_staying=2,
        length=delays(10.0),
        unknown=0,
        held=delays(held),
        stayed=delays(None),
        changes=[holding("servers that stay", None), holding("servers that go", held)],
        servers=[],
        phases=[spread.model_copy(update={"phase": 0, "largest_deviation": 9.0}), spread],
    ).model_copy(update=changed)
    return made_up.setting(name).model_copy(update={"streams": streams})


def encrypted(name: str = "stock", **changed: object) -> SettingResult:
    found = Connecting(count=8, p50=0.01, p99=0.04, largest=0.04, storm=5, storm_at=10.0).model_copy(
        update=changed
    )
    return made_up.setting(name).model_copy(update={"options": {"tls": {"key": "ec"}}, "connecting": found})


def cold(name: str = "stock", young: float | None = 0.4) -> SettingResult:
    plain = made_up.setting(name)
    found = None if young is None else Young(requests=9, p50=0.2, p99=young, later_p50=0.01, later_p99=0.05)
    latency = plain.latency.model_copy(update={"young": found})
    return plain.model_copy(update={"options": {"cold": {"factor": 10.0}}, "latency": latency})


def keys(*results: SettingResult) -> set[str]:
    return {figure.key for figure in figures(results)}


def told(key: str, result: SettingResult) -> list[Amount]:
    return values(next(one for one in figures([result]) if one.key == key), result)


def unseen(key: str, result: SettingResult) -> NotObserved | None:
    return hidden(next(one for one in figures([result]) if one.key == key), result)


def test_they_are_there_where_a_run_had_such_load() -> None:
    plain = made_up.setting("stock")
    assert not keys(plain) & {*STREAMS, *TLS, "young"}
    assert keys(streaming()) - keys(plain) == {*STREAMS}
    assert keys(encrypted()) - keys(plain) == {*TLS}
    assert keys(plain, cold()) - keys(plain) == {"young"}


def test_streams_by_change_and_by_run() -> None:
    assert told("held", streaming()) == [Amount(value=9.0)]
    assert told("held", streaming(held=None)) == [Amount(value=made_up.WATCHED, more=True)]
    assert told("stayed", streaming()) == [Amount(value=made_up.WATCHED, more=True)]
    assert told("messages", streaming()) == [
        Amount(value=0.7)
    ]  # of the phase that a scale-up began, no other
    assert told("cut", streaming()) == [Amount(value=3)]
    assert told("cut_staying", streaming()) == [Amount(value=2)]
    assert [unseen(key, streaming()) for key in STREAMS] == [None] * 5


def test_streams_of_nobody_knows_whom_are_not_observed() -> None:
    blind = streaming(unknown=20, changes=[holding("servers that go")], phases=[], messages_not_observed=WHY)
    assert told("held", blind) == told("messages", blind) == []
    for key in ("held", "stayed", "cut_staying"):
        reason = unseen(key, blind)
        assert reason is not None
        assert reason.why == "of 20 of 20 streams nobody knows the server"
    assert unseen("messages", blind) == WHY
    assert unseen("cut", blind) is None
    before = streaming(cut_staying=None)  # a result of an earlier version
    assert told("cut_staying", before) == []
    assert unseen("cut_staying", before) is not None


def test_connections_where_they_are_encrypted() -> None:
    assert told("connect", encrypted()) == [Amount(value=0.04)]
    assert told("storm", encrypted()) == [Amount(value=5)]
    kernel = encrypted(p50=None, p99=None, largest=None, not_observed=WHY)
    assert (told("connect", kernel), unseen("connect", kernel)) == ([], WHY)
    assert (told("storm", kernel), unseen("storm", kernel)) == ([Amount(value=5)], None)
    nobody = encrypted(count=0, p99=None, storm=0, not_observed=WHY)
    assert (told("storm", nobody), unseen("storm", nobody)) == ([], WHY)


def test_first_seconds_where_servers_are_cold() -> None:
    assert told("young", cold()) == [Amount(value=0.4)]
    assert told("young", cold(young=None)) == []
    blind = cold(young=None)
    blind = blind.model_copy(update={"latency": blind.latency.model_copy(update={"not_observed": WHY})})
    assert unseen("young", blind) == WHY
    # Beside cold servers, those that are warm at once have nothing to tell and nothing to hide.
    young = next(one for one in figures([cold()]) if one.key == "young")
    warm = cold("warm").model_copy(update={"options": {}})
    assert (values(young, warm), hidden(young, warm)) == ([], None)
    held = next(one for one in figures([streaming()]) if one.key == "held")
    assert (values(held, cold()), hidden(held, cold())) == ([], None)


def made(*, scenarios: bool = False) -> Comparison:
    """Of two settings four runs each: the streams of one hold on for longer, and more of them are cut."""
    found = made_up.comparison(
        {
            "stock": [streaming("stock", held=None) for _ in range(4)],
            "max-age": [streaming("max-age", cut=8, held=3.0) for _ in range(4)],
        }
    )
    if not scenarios:
        return found
    other = ComparedScenario(name="short", description="short RPCs", duration=40, clients=2, rate=10)
    cells = [
        cell.model_copy(
            update={
                "scenario": "short",
                "figures": [
                    one if one.figure not in STREAMS else one.model_copy(update={"estimate": None})
                    for one in cell.figures
                ],
            }
        )
        for cell in found.cells
    ]
    return found.model_copy(update={"scenarios": [*found.scenarios, other], "cells": [*found.cells, *cells]})


def printed(comparison: Comparison) -> str:
    out = StringIO()
    print_comparison(comparison, Console(file=out, width=100))
    return out.getvalue()


def test_every_view_shows_them() -> None:
    comparison = made()
    label = "until streams leave servers that go"
    for view in (printed(comparison), render_comparison(comparison), render_markdown(comparison)):
        assert label in view
        assert "3.0 s" in view
        assert "&gt; 20.0 s" in view or "> 20.0 s" in view
    assert "messages" in render_markdown(comparison).partition("No difference shown: ")[2]


def test_a_scenario_without_such_load_has_no_line_of_it() -> None:
    text = printed(made(scenarios=True))
    with_streams, _, without = text.partition("short: short RPCs")
    assert "streams cut" in with_streams
    assert "streams" not in without
    assert "until a new server gets its first request" in without


def test_the_answers_tell_when_streams_leave_and_how_many_are_cut() -> None:
    assert (
        "Streams leave servers that go soonest with max-age (after 3.0 s), and the fewest are cut with stock."
        in (made().answers)
    )
