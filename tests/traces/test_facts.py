from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.observation.records import Forwarded, ForwardedCount
from lbstudy.observation.tallies import ClientTally, ServerTally, StreamTally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.result.source import Expected
from lbstudy.store.description import DescribedSetting, RunDescription
from lbstudy.store.rows import BusyRow, DecisionRow, LookupRow
from lbstudy.traces import names
from lbstudy.traces.decode import decode, decode_forwarded
from lbstudy.traces.encode import encode, encode_forwarded
from lbstudy.traces.facts import FactsError, FactSpan, RunFacts

from tests.making.results import provenance

ZERO = 1_790_000_000_123_456_789
DESCRIPTION = RunDescription(
    time_zero_unix_nano=ZERO,
    provenance=provenance(
        scenario="quick",
        scenario_description="ü",
        scenario_toml="x = 1\n",
        settings_toml={"stock": ""},
        duration=12.5,
        seed=1,
        machine={"cores": "2"},
    ),
    settings=[
        DescribedSetting(name="stock", deployment="greeter-stock", options={"channel": {"a": 1, "b": True}})
    ],
    expectations=[Expected(setting="stock", measure="errors.count", at_most=0)],
)
CHANGES = (
    Change(ZERO - 5, 0.001, ChangeKind.SCALE, "greeter-stock", detail="1"),
    Change(ZERO - 4, 0.0, ChangeKind.CREATED, "greeter-stock", "greeter-stock-a"),
    Change(ZERO + 7, 0.25, ChangeKind.EXITED, "client-stock", "client-stock-a", "127.0.1.2:50051", "-9"),
)
TALLY = ClientTally(
    "client-stock-a", 10, 9, 1, {"OK": 8, "UNAVAILABLE": 1}, {"greeter-stock-a": 8}, 30.0, 29.5, 0.0, 0.1, 1.5
)
FACTS = RunFacts(
    DESCRIPTION,
    CHANGES,
    {"stock": [TALLY]},
    {"stock": [ServerTally("greeter-stock-a", {"OK": 8}), ServerTally("greeter-stock-b", None)]},
    (
        LookupRow(ZERO + 3, "greeter-stock.lb.test", "A", "NOERROR", ["127.0.1.2"], "127.0.0.1:40000", "udp"),
        LookupRow(ZERO + 3, "greeter-stock.lb.test", "AAAA", "NXDOMAIN", [], "127.0.0.1:40000", "tcp"),
    ),
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
counts = st.dictionaries(texts, st.integers(0, 2**53), max_size=3)
instants = st.integers(ZERO - 10**12, ZERO + 10**12)
changes = st.builds(
    Change,
    instants,
    st.floats(0, 10),
    st.sampled_from(ChangeKind),
    texts,
    st.none() | texts,
    st.none() | texts,
    texts,
)
rates = st.floats(0, 1e6)
clients = st.builds(
    ClientTally,
    texts,
    *[st.integers(0, 2**53)] * 3,
    counts,
    counts,
    *[rates] * 5,
    st.none() | st.builds(StreamTally, *[st.integers(0, 2**53)] * 3, *[counts] * 3),
)
servers = st.builds(ServerTally, texts, st.none() | counts)
lookups = st.builds(LookupRow, instants, texts, texts, texts, st.lists(texts, max_size=3), texts, texts)
busy = st.builds(BusyRow, instants, texts, texts, *[st.floats(0, 1e6)] * 2, *[st.integers(0, 2**31)] * 3)
decided = st.builds(
    DecisionRow,
    instants,
    texts,
    *[st.integers(0, 1000)] * 3,
    st.none() | st.integers(0, 100),
    *[st.integers(0, 100)] * 4,
)
everything = st.builds(
    RunFacts,
    st.just(DESCRIPTION),
    st.lists(changes, max_size=5).map(tuple),
    st.dictionaries(texts, st.lists(clients, min_size=1, max_size=3), max_size=2),
    st.dictionaries(texts, st.lists(servers, min_size=1, max_size=3), max_size=2),
    st.lists(lookups, max_size=5).map(tuple),
    busy=st.lists(busy, max_size=5).map(tuple),
    decisions=st.lists(decided, max_size=5).map(tuple),
)


@given(everything, st.randoms(use_true_random=False))
def test_what_is_decoded_is_what_was_encoded(facts: RunFacts, random: Random) -> None:
    spans = encode(facts)
    # As a backend may give them back: in another order, some of them twice, among others of the same trace.
    spans += spans[: len(spans) // 2]
    spans.append(replace(spans[0], name="other", span_id="f" * 16))
    random.shuffle(spans)
    assert decode(spans) == facts


def test_the_root_lasts_as_long_as_the_load_and_all_else_is_at_its_instant() -> None:
    root, *points = encode(FACTS)
    assert (root.name, root.parent_span_id) == ("lbstudy run", None)
    assert (root.start_unix_nano, root.end_unix_nano) == (ZERO, ZERO + 12_500_000_000)
    assert {span.trace_id for span in (root, *points)} == {names.trace_id("r1")}
    assert {span.parent_span_id for span in points} == {root.span_id}
    assert len({span.span_id for span in (root, *points)}) == 1 + len(points)
    assert all(span.start_unix_nano == span.end_unix_nano for span in points)
    assert [(span.name, span.start_unix_nano - ZERO) for span in points] == [
        ("lbstudy change", -5),
        ("lbstudy change", -4),
        ("lbstudy change", 7),
        ("lbstudy client tally", 12_500_000_000),
        ("lbstudy server tally", 12_500_000_000),
        ("lbstudy server tally", 12_500_000_000),
        ("lbstudy dns lookup", 3),
        ("lbstudy dns lookup", 3),
    ]
    assert {span.attributes["lbstudy.run.id"] for span in (root, *points)} == {"r1"}
    # What a person would search by.
    assert points[1].attributes["k8s.pod.name"] == "greeter-stock-a"
    assert points[1].attributes["lbstudy.setting"] == "stock"
    assert encode(FACTS) == encode(FACTS)
    other = DESCRIPTION.model_copy(
        update={"provenance": DESCRIPTION.provenance.model_copy(update={"run_id": "r2"})}
    )
    assert encode(RunFacts(other))[0].trace_id != root.trace_id


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda spans: spans[1:], "there is no span 'lbstudy run'"),
        (lambda spans: spans[:-2], "2 of the run's 8 facts are missing"),
        (
            lambda spans: [changed(spans[0], {names.FACTS_VERSION: 9}), *spans[1:]],
            "the run's facts are of version 9; version 1 was expected",
        ),
        (
            lambda spans: [changed(spans[0], {names.DESCRIPTION: "{}"}), *spans[1:]],
            "attribute lbstudy.run.description, time_zero_unix_nano: Field required",
        ),
        (
            lambda spans: [spans[0], changed(spans[1], {names.CHANGE_KIND: "melted"}), *spans[2:]],
            "a span of the run's facts cannot be read: 'melted' is not a valid ChangeKind",
        ),
        (
            lambda spans: [spans[0], changed(spans[1], {names.CHANGE_KIND: None}), *spans[2:]],
            "a span of the run's facts has no attribute lbstudy.change.kind",
        ),
    ],
)
def test_what_cannot_be_decoded_is_one_line(
    spoil: Callable[[list[FactSpan]], list[FactSpan]], message: str
) -> None:
    with pytest.raises(FactsError) as raised:
        decode(spoil(encode(FACTS)))
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def changed(span: FactSpan, values: dict[str, str | int | None]) -> FactSpan:
    kept = {key: value for key, value in span.attributes.items() if key not in values}
    return replace(span, attributes=kept | {key: value for key, value in values.items() if value is not None})


def test_what_was_forwarded() -> None:
    forwarded = Forwarded(
        spans=ForwardedCount(stored=10, sent=7, lost={"queue full": 2, "unavailable": 1}),
        points=ForwardedCount(stored=5, sent=5, lost={}),
    )
    span = encode_forwarded("r1", ZERO, forwarded)
    spans = [*encode(FACTS), span]
    assert decode_forwarded(spans) == forwarded
    assert decode(spans) == FACTS
    assert decode_forwarded(encode(FACTS)) is None
