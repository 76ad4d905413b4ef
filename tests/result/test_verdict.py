from collections import Counter
from dataclasses import replace

from lbstudy.observation.records import FaultPeriod, Forwarded, ForwardedCount, Lane
from lbstudy.result.build import setting_result
from lbstudy.result.model import SettingResult
from lbstudy.result.source import SettingInfo
from lbstudy.result.verdict import verdict

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally, update


def told(found: Lane, name: str) -> SettingResult:
    return setting_result(found, SettingInfo(name, "", {}))


def grown(first: list[float | None], **others: object) -> Lane:
    """a runs; servers are added at 20 s and Ready at 22 s; each first answers so long after (None: never)."""
    added = [chr(ord("b") + i) for i in range(len(first))]
    answers = [
        Rpc(22 + after, name, took=0.0) for name, after in zip(added, first, strict=True) if after is not None
    ]
    sent = [*rpcs(range(80), "a"), *answers]
    by_server = {"a": 80} | {answer.server: 1 for answer in answers if answer.server}
    return lane(
        end=80,
        commands=[(-5, 1), (20, 1 + len(first))],
        pods=[pod("a"), *(pod(name, commanded=20, ready=22) for name in added)],
        rpcs=sent,
        client_tallies=[tally({"OK": len(sent)}, by_server)],
        **others,  # type: ignore[arg-type]  # lane's own arguments
    )


STOCK = told(grown([None, None, None]), "stock")
MAX_AGE = told(grown([3.2, 9.8, 6.1]), "max-age")


def test_the_contrast_between_two_settings() -> None:
    assert verdict([STOCK, MAX_AGE]).headline == (
        "stock: 3 of 3 added servers never got a request (watched 58 s)."
        " max-age: each of 3 added servers got its first request within 9.8 s of being Ready (median 6.1 s)."
    )


def test_some_of_the_servers_were_never_found() -> None:
    assert verdict([told(grown([None, 4.0, None]), "s")]).headline == (
        "s: 2 of 3 added servers never got a request (watched 58 s);"
        " the other one got its first within 4.0 s."
    )
    assert verdict([told(grown([None, 4.0, 5.0]), "s")]).headline == (
        "s: 1 of 3 added servers never got a request (watched 58 s); the other 2 got theirs within 5.0 s."
    )


def test_a_server_that_was_watched_for_less_than_others_waited_says_nothing() -> None:
    def last_ready_at(ready: float, *first: float | None) -> SettingResult:
        grew = grown([*first])
        last = replace(grew.pods[-1], ready=ready, published=ready)
        return told(replace(grew, pods=(*grew.pods[:-1], last)), "s")

    assert verdict([last_ready_at(79, 4.0, 5.0, None)]).headline == (
        "s: 2 of 3 added servers got their first request within 5.0 s of being Ready;"
        " 1 was watched for only 1 s, and no request to it was observed."
    )
    assert verdict([last_ready_at(79, None, 5.0, None)]).headline == (
        "s: 1 of 3 added servers never got a request (watched 58 s);"
        " the other one got its first within 5.0 s;"
        " 1 was watched for only 1 s, and no request to it was observed."
    )
    assert verdict([last_ready_at(74, 4.0, 5.0, None)]).headline == (
        "s: 1 of 3 added servers never got a request (watched 6 s); the other 2 got theirs within 5.0 s."
    )
    many = [last_ready_at(79, 1.0, 2.0, None), *[told(grown([3.0]), name) for name in "abcd"]]
    assert verdict(many).headline.startswith("Under s, a, b, c and d, each of them that was watched for long")


def test_one_added_server() -> None:
    assert verdict([told(grown([0.25]), "s")]).headline == (
        "s: the added server got its first request 250 ms after it was Ready."
    )
    assert verdict([told(grown([None]), "s")]).headline == (
        "s: the added server never got a request (watched 58 s)."
    )


def test_a_server_counts_as_found_with_its_first_client() -> None:
    """client-1 never reaches b, client-0 does after 4 s: b got its first request then."""
    found = verdict([told(grown([4.0], clients=2), "s")])
    assert found.headline == "s: the added server got its first request 4.0 s after it was Ready."
    assert found.points[0] == (
        "s: time to detect an added server: median > 58.0 s; time to discovery: median 4.0 s,"
        " largest > 58.0 s (over 2 pairs of server and client)."
    )


def test_with_several_clients_the_first_one_counts() -> None:
    first, second = Rpc(26, "b", took=0.0), Rpc(31, "b", took=0.0, client=1)  # 4 s and 9 s after Ready
    both = lane(
        end=80,
        commands=[(-5, 1), (20, 2)],
        pods=[pod("a"), pod("b", commanded=20, ready=22)],
        clients=2,
        rpcs=[first, second],
        client_tallies=[tally({"OK": 2}, {"b": 2})],
    )
    assert verdict([told(both, "s")]).headline == (
        "s: the added server got its first request 4.0 s after it was Ready."
    )


def test_no_server_was_ready_in_time() -> None:
    late = lane(
        end=80,
        commands=[(-5, 1), (20, 2)],
        pods=[pod("a"), pod("b", commanded=20, ready=None)],
        rpcs=rpcs([1], "a"),
    )
    found = verdict([told(late, "s")])
    assert "s: no added server was Ready while it was watched." in found.headline
    assert "s: 1 added server not Ready while watched: b." in found.points


def test_only_removals() -> None:
    shrunk = lane(
        end=80,
        commands=[(-5, 2), (50, 1)],
        pods=[pod("a"), pod("b", removal_commanded=50, terminating=50)],
        updates=[update(-1, "ab"), update(53.5, "a")],
        rpcs=[*rpcs([1, 2], "a"), Rpc(51, None, code="UNAVAILABLE"), Rpc(52, None, code="UNAVAILABLE")],
        client_tallies=[tally({"OK": 2, "UNAVAILABLE": 2}, {"a": 2})],
    )
    found = verdict([told(shrunk, "s")])
    assert found.headline == "s: 1 server removed, 2 of 4 RPCs failed (2 UNAVAILABLE)."
    assert found.points == [
        "s: 1 server removed, 2 RPCs failed meanwhile; the last address list dropped it after 3.5 s.",
        "s: 2 of 4 RPCs failed (2 UNAVAILABLE).",
    ]
    never = replace(shrunk, updates=shrunk.updates[:1])
    assert "; 1 of 1 address list never dropped it." in verdict([told(never, "s")]).points[0]


def test_nothing_changed_and_nothing_happened() -> None:
    calm = lane(end=80, pods=[pod("a")], rpcs=rpcs([1, 2], "a"), client_tallies=[tally({"OK": 2}, {"a": 2})])
    assert verdict([told(calm, "s")]).headline == "s: no server was added or removed; none of 2 RPCs failed."
    silent = lane(end=80, pods=[pod("a")], client_tallies=[tally({}, {})])
    assert verdict([told(silent, "s")]).headline == "s: no RPC was seen."
    assert verdict([]).headline == "Nothing was observed."


def test_a_ledger_that_does_not_close_comes_first() -> None:
    lossy = replace(grown([4.0]), client_tallies=(tally({"OK": 82}, {"a": 80, "b": 2}),))
    found = verdict([told(lossy, "s"), MAX_AGE])
    assert found.headline.startswith(
        "The counts of this run do not agree, so its figures cannot be trusted. s: the"
    )
    assert found.points[0].startswith(
        "The ledger does not close for s: client RPC spans stored 81, RPCs sent 82; client RPC spans with OK"
    )


def test_what_did_not_reach_the_collector_leaves_the_figures_here_whole() -> None:
    whole = ForwardedCount(9, 9, {})
    lossy = Forwarded(ForwardedCount(81, 80, {"queue full": 1}), whole)
    settings = [told(replace(grown([4.0]), forwarded=lossy), name) for name in ("s", "t")]
    found = verdict(settings)
    assert found.headline.startswith(
        "Not all of this run reached the Collector: its figures are complete here, not in the backends. "
        "s and t: "
    )
    # Counted for all settings together, and so told once.
    assert found.points[0] == (
        "The ledger does not close for s and t: spans of all settings that the Collector accepted 80,"
        " spans of all settings stored here 81 (1 lost: queue full)."
    )


def test_how_even_the_spread_was_after_the_last_growth() -> None:
    # a answers 40 of 40 in the second half of the phase after the addition; of 4 Ready servers 1/4 is fair.
    assert (
        "stock: after 1 → 4 servers, 25% of the Ready servers got requests; the largest deviation from the"
        " fair share was 300%."
    ) in verdict([STOCK]).points


def test_many_settings_are_told_together() -> None:
    settings = [
        STOCK,
        told(grown([None, 2.0, 3.0]), "half"),
        MAX_AGE,
        told(grown([1.0, 2.0, 3.0]), "fast"),
    ]
    assert verdict(settings).headline == (
        "Under stock and half, servers that were added never got a request. Under max-age and fast, each of"
        " them did, soonest under fast (within 3.0 s)."
    )
    calm = [
        told(
            lane(end=80, pods=[pod("a")], rpcs=rpcs([1], "a"), client_tallies=[tally({"OK": 1}, {"a": 1})]),
            name,
        )
        for name in "wxyz"
    ]
    assert verdict(calm).headline == (
        "4 settings ran; no server was added. Fewest errors under w: none of 1 RPC failed."
    )


def troubled(
    name: str, *, answers: str = "aab", failing: bool = False, second_half: str = "aab", end: float = 30
) -> SettingResult:
    """a and b; a fault on b from 10 to 20 s. One RPC each 0.5 s, its server in turn from the letters.

    "-" stands for nobody; from 10 s on, b's take 300 ms instead of 20 ms, or fail where it is failing.
    """
    sent = []
    for number in range(int(end * 2)):
        at = number / 2
        server = (second_half if 15 <= at < 20 else answers)[number % 3]
        hit = server == "b" and 10 <= at < 20
        sent.append(
            Rpc(
                at,
                None if server == "-" else server,
                took=2.0 if server == "-" else 0.3 if hit else 0.02,
                code="DEADLINE_EXCEEDED" if server == "-" else "INTERNAL" if hit and failing else "OK",
            )
        )
    fault = FaultPeriod("trouble on 1 server", "b", 10, 20)
    codes = Counter(rpc.code for rpc in sent)
    answered = Counter(rpc.server for rpc in sent if rpc.server and rpc.code == "OK")
    return told(
        lane(
            end=end,
            pods=[pod("a"), pod("b")],
            rpcs=sent,
            faults=[fault],
            client_tallies=[tally(dict(codes), dict(answered))],
        ),
        name,
    )


def test_what_a_fault_did_is_the_headline() -> None:
    found = verdict([troubled("slow"), troubled("left", second_half="aaa"), troubled("fails", failing=True)])
    # 20 RPCs were due in 10 s, of which b answers one in three. None is under way at 10 s.
    assert found.headline == (
        "Fault “trouble on 1 server”, 10 to 20 s: 7 of 20 RPCs failed under fails, none under slow and left."
    )
    assert found.points[0] == (
        "slow: “trouble on 1 server”, 10 to 20 s: none of 20 RPCs failed, p99 300 ms (20 ms before);"
        " in its second half the server in trouble still got 30% of the requests (30% before)."
    )
    assert found.points[1] == "slow: none of 60 RPCs failed in the whole run."
    assert found.points[2].endswith(
        "; in its second half the server in trouble got none of the requests (30% before)."
    )


def test_fewer_requests_to_the_trouble_are_told_against_those_before() -> None:
    less = troubled("less", answers="abb", second_half="aab")  # 2 of 3 before, then 3 of 10
    assert (
        verdict([less])
        .points[0]
        .endswith("; in its second half the server in trouble got 30% of the requests (65% before).")
    )


def test_a_server_that_hangs_still_gets_requests() -> None:
    assert (
        verdict([troubled("hung", second_half="aa-")])
        .points[0]
        .endswith(
            ": 3 of 20 RPCs failed, p99 2.0 s (20 ms before);"
            " in its second half the server in trouble still got 30% of the requests (30% before)."
        )
    )


def test_where_no_rpc_failed_the_headline_tells_how_slow_they_were() -> None:
    assert verdict([troubled("slow"), troubled("other")]).headline == (
        "Fault “trouble on 1 server”, 10 to 20 s: no RPC failed;"
        " p99 300 ms (20 ms before) under slow, 300 ms (20 ms before) under other."
    )


def test_settings_with_the_same_outcome_share_a_clause() -> None:
    assert verdict([STOCK, STOCK.model_copy(update={"name": "other"}), MAX_AGE]).headline.startswith(
        "stock and other: 3 of 3 added servers never got a request (watched 58 s). max-age: each of 3"
    )


def test_scaling_and_faults_are_both_told() -> None:
    faults = [FaultPeriod("dns-silent", None, 30, 40), FaultPeriod("kill on 1 server", "a", 50, 50)]
    found = verdict([told(grown([4.0], faults=faults), "s")])
    # 81 RPCs in all, one a second: no failures, so the one with the largest p99; both have the same.
    assert found.headline == (
        "s: the added server got its first request 4.0 s after it was Ready. Worst of 2 faults, “dns-silent”,"
        " 30 to 40 s: no RPC failed; p99 20 ms (20 ms before) under s."
    )
    assert (
        "s: “kill on 1 server”, the 5 s from 50 s on: none of 5 RPCs failed, p99 20 ms (20 ms before)."
        in found.points
    )
    assert any(
        point.startswith("s: “dns-silent”, 30 to 40 s: none of 10 RPCs failed") for point in found.points
    )


def test_the_fault_that_did_most_is_the_one_in_the_headline() -> None:
    failing = lane(
        end=30,
        pods=[pod("a"), pod("b")],
        rpcs=[*rpcs(range(20), "a"), Rpc(22, "b", code="INTERNAL")],
        faults=[FaultPeriod("mild", "a", 5, 8), FaultPeriod("bad", "b", 20, 25)],
    )
    assert "Worst of 2 faults, “bad”, 20 to 25 s: 1 of 1 RPC failed under s." in (
        verdict([told(failing, "s")]).headline
    )


def test_of_many_settings_under_a_fault_the_ends_are_told() -> None:
    settings = [
        troubled("slow"),
        troubled("left", second_half="aaa"),
        troubled("fails", failing=True),
        troubled("hung", second_half="aa-"),
    ]
    found = verdict(settings)
    assert found.headline == (
        "4 settings ran. Fault “trouble on 1 server”, 10 to 20 s: 7 of 20 RPCs failed under fails, 3 of 20"
        " under hung, none under slow and left."
    )
    assert any(
        point.startswith("slow: “trouble on 1 server”, 10 to 20 s: none of 20") for point in found.points
    )
    calm = verdict([troubled(name) for name in "wxyz"]).headline
    assert calm.endswith(": no RPC failed; p99 300 ms under w to 300 ms under w.")


def test_a_result_of_before_faults_were_measured_against_before() -> None:
    old = troubled("old")
    bare = old.faults[0].model_copy(
        update={"during": None, "before": None, "share": None, "watched_until": None}
    )
    found = verdict([old.model_copy(update={"faults": [bare]})])
    assert found.headline == "Fault “trouble on 1 server”, 10 to 20 s: no RPC failed."
