"""A requirement's way from run to run: what is open, what is decided, and what is told of it."""

import xml.etree.ElementTree as ET

import jsonschema
import pytest
from lbstudy.compare.plan import PlannedRun
from lbstudy.config import Requirement, load_scenario, load_setting
from lbstudy.config.requirement import AnyClause, DnsQueries, NewServer, RemovedServer
from lbstudy.gate.model import GateResult, State
from lbstudy.gate.progress import Progress
from lbstudy.report.gate_junit import render_junit
from lbstudy.report.gate_markdown import render_gate
from lbstudy.report.gate_terminal import gate_as_text
from lbstudy.report.schemas import json_schema
from lbstudy.result.model import SettingResult

from tests.compare.made_up import result, setting

UP, DOWN, STEADY = (load_scenario(name) for name in ("scale-up", "scale-down", "steady"))
SOON = NewServer(kind="new-server", within=5)
NOTHING = RemovedServer(kind="removed-server", lost_at_most=0)
CHEAP = DnsQueries(kind="dns-queries", at_most=1)
GOOD, LATE = setting("stock", discovery=(1.0,)), setting("stock", discovery=(9.0,))


def progress(
    *clauses: AnyClause, settings: tuple[str, ...] = ("stock",), options_known: bool = True
) -> Progress:
    where = {NewServer: UP, RemovedServer: DOWN, DnsQueries: STEADY}
    return Progress(
        Requirement(name="mine", description="what | must *hold*", clause=list(clauses)),
        [where[type(one)] for one in clauses],
        [load_setting(name) for name in settings],
        options_known=options_known,
    )


def add(to: Progress, scenario: str, *found: SettingResult, times: int = 1) -> None:
    for number in range(times):
        run = PlannedRun(
            folder=f"runs/{scenario}-{number + 1}-1",
            scenario=scenario,
            settings=[one.name for one in found],
            repeat=1,
            seed=0,
            shift=0,
        )
        to.add(run.folder, scenario, result(run, found))


def told(of: Progress) -> GateResult:
    return of.result(command="lbstudy gate", started="2026-11-27T02:00:00+00:00", platform="local")


def test_it_holds_when_every_clause_is_decided() -> None:
    found = progress(SOON, NOTHING)
    add(found, "scale-up", GOOD, times=6)

    assert (found.wanted("scale-up"), found.wanted("scale-down")) == ([], ["stock"])
    assert told(found).state is State.UNDECIDED
    add(found, "scale-down", GOOD, times=6)
    assert told(found).state is State.HOLDS


def test_what_is_decided_takes_no_more_runs() -> None:
    found = progress(SOON)
    add(found, "scale-up", GOOD, times=6)
    add(found, "scale-up", LATE, times=6)

    (clause,) = told(found).settings[0].clauses
    assert (clause.state, clause.held, len(clause.runs)) == (State.HOLDS, 6, 6)


def test_one_clause_that_fails_decides_its_setting_and_no_other() -> None:
    found = progress(SOON, NOTHING, settings=("stock", "max-age"))
    for _ in range(3):  # two clauses: ln(0.1 ÷ 2) = −3.0 takes two failures (−4.16)
        add(found, "scale-up", LATE, setting("max-age", discovery=(1.0,)))

    assert found.wanted("scale-up") == ["max-age"]
    assert found.wanted("scale-down") == ["max-age"]
    states = {one.setting: one.state for one in told(found).settings}
    assert states == {"stock": State.FAILS, "max-age": State.UNDECIDED}
    assert told(found).state is State.FAILS


def test_a_clause_that_nobody_observes_is_not_run_again_and_never_holds() -> None:
    found = progress(CHEAP, SOON)
    add(found, "steady", GOOD)  # without a price
    add(found, "scale-up", GOOD, times=6)

    assert found.wanted("steady") == []
    assert told(found).state is State.NOT_OBSERVED


def test_where_the_options_are_not_known_no_reason_names_their_values() -> None:
    known, unknown = progress(SOON), progress(SOON, options_known=False)
    for one in (known, unknown):
        add(one, "scale-up", LATE)

    assert "is not set" in told(known).settings[0].clauses[0].reason
    assert "is not set" not in told(unknown).settings[0].clauses[0].reason


def test_a_run_whose_ledger_does_not_close_decides_nothing() -> None:
    found = progress(SOON)
    add(found, "scale-up", setting("stock", discovery=(1.0,), closes=False), times=9)

    assert (found.left_out, told(found).state) == (9, State.UNDECIDED)
    assert told(found).not_counted[0] == "runs/scale-up-1-1: its ledger does not close"


# --- what is told ---------------------------------------------------------------------------------


def failed() -> GateResult:
    found = progress(SOON, NOTHING, CHEAP)
    add(found, "steady", GOOD)
    add(found, "scale-up", LATE, times=3)
    return told(found)


def test_the_result_follows_its_schema() -> None:
    jsonschema.Draft202012Validator(json_schema("gate")).validate(failed().model_dump(mode="json"))


def test_junit_has_a_test_a_clause() -> None:
    """As a reader of JUnit counts: one failure, two errors (undecided, not observed)."""
    root = ET.fromstring(render_junit(failed()))

    (suite,) = root.findall("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "2",
    }
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "2")
    late, nothing, cheap = suite.findall("testcase")
    failure = late.find("failure")
    assert failure is not None
    assert "grpc.max_connection_age_ms is not set" in (failure.text or "")
    kinds = [error.get("type") for case in (nothing, cheap) for error in case.findall("error")]
    assert kinds == ["undecided", "not observed"]


JENKINS = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "timestamp", "time", "hostname", "id"},
        {"testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "classname", "time", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
"""An element's attributes and children in the schema of Jenkins' xunit plugin, junit-10.xsd."""


def not_judged() -> GateResult:
    found = failed()
    judged = [one for one in found.settings[0].clauses if one.runs]
    clauses = [one.model_copy(update={"state": State.NOT_JUDGED}) for one in judged]
    setting = found.settings[0].model_copy(update={"clauses": clauses})
    return found.model_copy(update={"settings": [setting]})


@pytest.mark.parametrize("result", [failed(), not_judged()], ids=["failed", "not judged"])
def test_junit_has_nothing_that_jenkins_schema_forbids(result: GateResult) -> None:
    root = ET.fromstring(render_junit(result))

    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = JENKINS[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert {"name", "tests", "failures", "errors"} <= set(suite.keys())


def test_junit_takes_no_character_that_xml_forbids() -> None:
    strange = failed().model_copy(update={"requirement": "a\x00\x1b<b>&\ud800"})

    assert ET.fromstring(render_junit(strange)).get("name") == "lbstudy gate a??<b>&?"


def test_markdown_says_what_holds_and_why_not() -> None:
    text = render_gate(failed())

    assert text.startswith("**❌ The requirement mine does not hold.**\n\nwhat \\| must \\*hold\\*\n")
    rows = [row for row in text.splitlines() if row.startswith("| ❌")]
    assert len(rows) == 1
    assert rows[0].count(" | ") == 4
    assert "grpc.max\\_connection\\_age\\_ms is not set" in text
    assert "would pass in at most 10 of 100 gates" in text


@pytest.mark.parametrize(
    ("words", "held"),
    [("The requirement mine holds.", 6), ("is undecided: the runs allowed have not shown it", 5)],
)
def test_the_headline_has_its_own_words_for_each_end(words: str, held: int) -> None:
    found = progress(SOON)
    add(found, "scale-up", GOOD, times=held)

    assert words in gate_as_text(told(found))


def test_the_terminal_says_it_clause_by_clause() -> None:
    text = gate_as_text(failed())

    assert (
        "  ✗ a new server is called within 5 s by every client: does not hold (in 0 of 2 runs of scale-up)"
        in text
    )
    assert "  ? a scale-down loses no request: undecided (not run in scale-down)" in text
    assert (
        "  – each client sends at most 1 DNS queries a minute: not observed (in 0 of 1 run of steady)" in text
    )
