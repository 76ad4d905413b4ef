import pytest
from lbstudy.measures.adaptability import adaptability
from lbstudy.observation.records import Lane
from lbstudy.result.model import StageName
from lbstudy.traces.change import ChangeTrace, change_traces

from tests.measures.lanes import Rpc, connected, lane, pod, rpcs, update


def traces(found: Lane) -> dict[str, ChangeTrace]:
    return {change.server: change for change in change_traces(adaptability(found))}


def stages(change: ChangeTrace) -> list[tuple[str, str | None, float, float, bool]]:
    return [
        (stage.stage.value, stage.client, round(stage.start, 6), round(stage.end, 6), stage.is_censored)
        for stage in change.stages
    ]


# b: commanded at 20 s, created 20.1, its process runs at 20.2, Ready at 22, in DNS at 22.5. client-0 hears of
# it at 30, is connected at 30.1 and has its first answer at 30.52; client-1 never does: watched until 80 s.
FOUND = lane(
    end=80,
    commands=[(-5, 1), (20, 2)],
    pods=[pod("a"), pod("b", commanded=20, created=20.1, started=20.2, ready=22, published=22.5)],
    clients=2,
    updates=[update(-1, "a", 0), update(-1, "a", 1), update(30, "ab", 0)],
    transitions=[connected(30.1, "b", 0)],
    rpcs=[Rpc(30.5, "b", took=0.02)],
)


def test_each_stage_lasts_from_the_one_before_it() -> None:
    change = traces(FOUND)["b"]
    assert (change.name, change.start, change.end, change.is_censored) == ("server added", 20, 80, True)
    assert stages(change) == [
        ("created", None, 20, 20.1, False),
        ("started", None, 20.1, 20.2, False),
        ("ready", None, 20.2, 22, False),
        ("in DNS", None, 22, 22.5, False),
        ("resolver update", "client-0", 22.5, 30, False),
        ("connected", "client-0", 30, 30.1, False),
        ("first RPC", "client-0", 30.1, 30.52, False),
        # What client-1 never did had been waited for since the server was in DNS.
        ("resolver update", "client-1", 22.5, 80, True),
        ("connected", "client-1", 22.5, 80, True),
        ("first RPC", "client-1", 22.5, 80, True),
        # One RPC makes no fair share.
        ("fair share", None, 30.52, 80, True),
    ]


def test_stages_link_to_the_spans_that_show_them() -> None:
    linked = {
        (stage.stage, stage.client): stage.link.span_id for stage in traces(FOUND)["b"].stages if stage.link
    }
    assert linked == {
        (StageName.UPDATE, "client-0"): f"{30_000:016x}",
        (StageName.CONNECTED, "client-0"): "c" * 16,
        (StageName.FIRST_RPC, "client-0"): f"{1:016x}",
    }


def test_a_stage_that_the_platform_does_not_tell_has_no_span() -> None:
    """Created and started are unknown, but the server was Ready: these were passed, not censored."""
    found = traces(
        lane(
            end=80,
            commands=[(-5, 1), (20, 2)],
            pods=[pod("a"), pod("b", commanded=20, ready=22, published=23)],
        )
    )
    assert stages(found["b"])[:2] == [("ready", None, 20, 22, False), ("in DNS", None, 22, 23, False)]


def test_a_server_that_never_became_ready() -> None:
    found = traces(
        lane(
            end=80,
            commands=[(-5, 1), (20, 2)],
            pods=[pod("a"), pod("b", commanded=20, ready=None, created=21)],
        )
    )
    assert stages(found["b"]) == [
        ("created", None, 20, 21, False),
        ("started", None, 21, 80, True),
        ("ready", None, 21, 80, True),
        ("in DNS", None, 21, 80, True),
    ]


def test_stamps_that_seem_to_go_backwards_make_an_empty_span() -> None:
    """The update was stamped 5 ms before the platform knew that the name was published."""
    found = lane(
        end=80,
        commands=[(-5, 1), (20, 2)],
        pods=[pod("a"), pod("b", commanded=20, ready=22, published=30.005)],
        updates=[update(30, "ab")],
    )
    assert ("resolver update", "client-0", 30, 30, False) in stages(traces(found)["b"])


def test_the_fair_share_is_waited_for_from_the_first_answer_on() -> None:
    # b answers 10 a second from 30 s on, a as many: fair from the first whole bucket after Ready (22 + 8) on.
    answers = [30.05 + i / 10 for i in range(60)]
    found = lane(
        end=36,
        commands=[(-5, 1), (20, 2)],
        pods=[pod("a"), pod("b", commanded=20, ready=22)],
        rpcs=[*rpcs(answers, "a", took=0.0), *rpcs(answers, "b", took=0.0)],
    )
    # The bucket begins a little before the first answer in it: the span is empty, and never negative.
    assert stages(traces(found)["b"])[-1] == ("fair share", None, 30, 30, False)


def test_a_removal() -> None:
    # client-0 hears of it at 60 s; its last answer came at 50.35. client-1 had it, never hears, and had its
    # last answer before the command: nothing was waited for.
    found = traces(
        lane(
            end=80,
            commands=[(-5, 2), (50, 1)],
            pods=[
                pod("a"),
                pod("b", removal_commanded=50, terminating=50.1, unpublished=50.6, exited=55),
            ],
            clients=2,
            updates=[update(-1, "ab", 0), update(-1, "ab", 1), update(60, "a", 0)],
            rpcs=[Rpc(50.3, "b", took=0.05), Rpc(20, "b", client=1)],
        )
    )["b"]
    assert (found.name, found.start, found.end, found.is_censored) == ("server removed", 50, 80, True)
    assert stages(found) == [
        ("terminating", None, 50, 50.1, False),
        ("out of DNS", None, 50.1, 50.6, False),
        ("exited", None, 50.6, 55, False),
        ("resolver update", "client-0", 50.6, 60, False),
        ("last RPC", "client-0", 50, 50.35, False),
        ("resolver update", "client-1", 50.6, 80, True),
    ]


@pytest.mark.parametrize("found", [lane(end=80, pods=[]), lane(end=80, pods=[pod("a")])])
def test_without_a_change_there_is_no_trace(found: Lane) -> None:
    assert traces(found) == {}
