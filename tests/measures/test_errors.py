from lbstudy.measures.errors import errors
from lbstudy.measures.phases import phases
from lbstudy.observation.rpcs import FIRST_FAILURES

from tests.measures.lanes import Rpc, lane, pod, rpcs

# Ten RPCs, five in each of two phases (0–20 s, 20–40 s).
LANE = lane(
    end=40,
    commands=[(-5, 2), (20, 1)],
    pods=[pod("a"), pod("b", removal_commanded=20, terminating=20)],
    rpcs=[
        *rpcs([1, 2, 3, 4], "a"),
        Rpc(5, "b", code="INTERNAL", took=0.25),
        *rpcs([21, 22], "a"),
        *rpcs([23, 24], None, code="UNAVAILABLE", took=0.1),
        Rpc(25, "b", code="CANCELLED", client=1),
    ],
    served=[("a", "OK"), ("a", "OK"), ("b", "INTERNAL")],
    clients=2,
)
FOUND = errors(LANE, phases(LANE))


def test_by_code_as_the_clients_and_as_the_servers_saw_them() -> None:
    assert FOUND.client_by_code == {"OK": 6, "CANCELLED": 1, "INTERNAL": 1, "UNAVAILABLE": 2}
    assert FOUND.server_by_code == {"OK": 2, "INTERNAL": 1}


def test_ratios_in_all_and_by_phase() -> None:
    assert FOUND.ratio == 0.4  # 4 of 10
    assert [(phase.requests, phase.errors, phase.ratio) for phase in FOUND.phases] == [
        (5, 1, 0.2),
        (5, 3, 0.6),
    ]


def test_by_server_with_those_that_nobody_answered() -> None:
    assert FOUND.by_server == {"": {"UNAVAILABLE": 2}, "b": {"CANCELLED": 1, "INTERNAL": 1}}


def test_the_failures_one_by_one_with_their_spans() -> None:
    first, *_, last = FOUND.failures
    assert (first.at, first.code, first.server, first.client, first.latency) == (
        5.25,
        "INTERNAL",
        "b",
        "client-0",
        0.25,
    )
    assert first.link is not None
    assert first.link.span_id == f"{5:016x}"  # the fifth row's
    assert (last.code, last.client) == ("CANCELLED", "client-1")
    assert [failure.server for failure in FOUND.failures] == ["b", None, None, "b"]


def test_only_the_first_failures_are_listed() -> None:
    many = lane(end=40, pods=[pod("a")], rpcs=rpcs([i / 10 for i in range(100)], None, code="UNAVAILABLE"))
    assert [round(failure.at - 0.02, 6) for failure in errors(many, phases(many)).failures] == [
        i / 10 for i in range(FIRST_FAILURES)
    ]


def test_without_rpcs_there_is_no_ratio() -> None:
    silent = lane(end=40, pods=[pod("a")])
    found = errors(silent, phases(silent))
    assert (found.ratio, found.phases[0].ratio, found.client_by_code) == (None, None, {})
