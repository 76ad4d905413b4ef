"""What a comparison says of results that were made by hand."""

from lbstudy.compare.model import Amount, Comparison, Estimate, Measured, Standing
from lbstudy.result.model import Price, WaitedFor

from tests.compare.made_up import WATCHED, comparison, setting


def figure(found: Comparison, key: str, name: str) -> Measured:
    return next(one for one in found.cell(name, "compare").figures if one.figure == key)


def measured(found: Comparison, key: str, name: str) -> Estimate:
    estimate = figure(found, key, name).estimate
    assert estimate is not None
    return estimate


def costs(connections: float, dns: float = 1.0) -> Price:
    return Price(
        connections=1,
        connections_rate=connections,
        dns_queries=1,
        dns_rate=dns,
        client_cpu=0.002,
        server_cpu=0.003,
    )


# Four runs each; the three clients of a run count once, by their median.
SLOW = [setting("slow", discovery=(2, 8 + i, 30), price=costs(1)) for i in range(4)]
FAST = [setting("fast", discovery=(0.1, 1 + i / 10, 30), price=costs(22)) for i in range(4)]
NEVER = [setting("never", discovery=(None, None, 1.0), price=costs(1)) for _ in range(4)]


def test_each_change_gives_one_value_the_median_of_its_clients() -> None:
    found = comparison({"slow": SLOW, "fast": FAST})
    slow = measured(found, "discovery", "slow")
    assert (slow.units, slow.median, slow.low, slow.high) == (
        4,
        Amount(value=9),
        Amount(value=8),
        Amount(value=11),
    )
    assert measured(found, "detect", "slow").median == Amount(value=4.5)


def test_what_does_not_overlap_is_told_apart() -> None:
    found = comparison({"slow": SLOW, "fast": FAST, "never": NEVER})
    standing = {name: figure(found, "discovery", name).standing for name in ("slow", "fast", "never")}
    assert standing == {"slow": Standing.WORSE, "fast": Standing.BEST, "never": Standing.WORSE}
    assert figure(found, "discovery", "never").worse_than == ["slow", "fast"]
    assert found.headline == (
        "New servers get requests soonest with fast (after 1.1 s), then with slow (after 9.0 s); with never"
        " they got none within the 20.0 s for which they were watched."
    )


def test_what_overlaps_is_not_told_apart_in_figures_or_in_words() -> None:
    wide = [setting("wide", discovery=(float(i), float(i), float(i))) for i in (1, 5, 9, 13)]
    found = comparison({"slow": SLOW, "wide": wide})
    assert [figure(found, "discovery", n).standing for n in ("slow", "wide")] == [
        Standing.SAME,
        Standing.SAME,
    ]
    assert found.headline.startswith("No setting was shown to find new servers sooner than another")
    assert "No setting was shown to lose fewer requests than another." in found.answers
    assert "No difference from slow was shown with wide." in found.answers
    words = " ".join([*found.points, *(line for s in found.settings for line in s.better + s.worse)])
    assert "best" not in words
    assert "least with" not in words
    (_, compared) = found.settings
    assert (compared.better, compared.worse) == ([], [])
    assert "until a new server gets its first request" in compared.alike


def test_three_runs_tell_nothing_apart_and_the_words_say_why() -> None:
    found = comparison({"slow": SLOW[:3], "fast": FAST[:3]})
    assert figure(found, "discovery", "fast").standing is Standing.SAME
    assert found.headline == "3 runs of each cannot show a difference between the settings yet."
    assert "no difference shown (4 changes of each would be needed)" in found.points[0]


def test_a_difference_that_does_not_matter_is_not_told() -> None:
    quick = [setting("quick", discovery=(0.1 + i / 100,)) for i in range(4)]
    quicker = [setting("quicker", discovery=(0.01 + i / 1000,)) for i in range(4)]
    found = comparison({"quick": quick, "quicker": quicker})
    assert figure(found, "discovery", "quicker").standing is Standing.SAME


def test_a_small_part_of_a_large_figure_does_not_matter_either() -> None:
    many = [setting("many", lost=(0, 33 + i)) for i in range(4)]
    fewer = [setting("fewer", lost=(0, 31 + i % 2)) for i in range(4)]
    found = comparison({"many": many, "fewer": fewer})
    assert figure(found, "failed.removed", "fewer").standing is Standing.SAME


def test_what_never_happened_stays_censored() -> None:
    found = comparison({"never": NEVER, "fast": FAST})
    never = measured(found, "discovery", "never")
    assert never.median == never.low == never.high == Amount(value=WATCHED, more=True)
    assert (never.units, never.censored) == (4, 4)
    assert any("more with never > 20.0 s." in point for point in found.points)


def test_lost_requests_count_by_what_happened_to_the_servers() -> None:
    careful = [setting("careful", lost=(0, i)) for i in (0, 1, 0, 1)]
    careless = [setting("careless", lost=(0, i)) for i in (9, 12, 8, 40)]
    found = comparison({"careless": careless, "careful": careful})
    assert measured(found, "failed.removed", "careless").median == Amount(value=9)
    assert measured(found, "failed.added", "careless").high == Amount(value=0)
    assert figure(found, "failed.removed", "careful").standing is Standing.BEST
    assert "The fewest requests are lost with careful when servers are removed." in found.answers
    assert found.settings[1].better == ["requests lost when servers are removed: 0 against 9"]
    assert found.settings[0].is_beaten_by == ["careful"]
    assert (found.cell("careless", "compare").rpcs, found.cell("careless", "compare").rpcs_failed) == (
        1600,
        69,
    )


def test_a_fault_is_a_change_of_its_own_and_not_of_the_command_before_it() -> None:
    hit = [setting("hit", lost=(0, 2), fault=50 + i) for i in range(4)]
    found = comparison({"hit": hit})
    assert measured(found, "failed.removed", "hit").median == Amount(value=2)
    assert measured(found, "failed.stop on 1 server", "hit").median == Amount(value=51)


def test_the_price_is_told_and_does_not_decide_who_is_beaten() -> None:
    found = comparison({"slow": SLOW, "fast": FAST})
    assert found.settings[1].price == ["new connections: 22.0 against 1.0 per minute and client"]
    assert [one.is_beaten_by for one in found.settings] == [["fast"], []]


def test_a_failed_run_is_told_and_the_others_count() -> None:
    found = comparison({"slow": SLOW, "fast": FAST}, failed={2: "127.0.1.1:50051: address in use"})
    cell = found.cell("slow", "compare")
    assert cell.failed == ["127.0.1.1:50051: address in use"]
    assert len(cell.runs) == 3
    assert [one.state for one in found.outcomes] == ["done", "done", "failed", "done"]
    assert not found.is_whole


def test_a_cell_without_any_run_is_there_all_the_same() -> None:
    found = comparison({"slow": SLOW}, failed=dict.fromkeys(range(4), "no"))
    assert found.headline == "Nothing was measured."
    assert found.cell("slow", "compare").failed == ["no"] * 4


def test_a_ledger_that_does_not_close_is_noted() -> None:
    found = comparison({"a": [setting("a", closes=False)]})
    assert (found.outcomes[0].ledger_closes, found.is_whole) == (False, False)


def test_the_run_that_opens_first_is_the_most_typical() -> None:
    runs = [setting("a", discovery=(value,)) for value in (9.0, 1.0, 2.0, 30.0)]
    assert comparison({"a": runs}).cell("a", "compare").runs[0] == "runs/compare-3-1"


def test_where_the_seconds_went_is_the_mean_over_all_runs() -> None:
    waits = (
        comparison({"a": [setting("a", discovery=(1.0, None)), setting("a", discovery=(3.0, 4.0))]})
        .cell("a", "compare")
        .waits
    )
    assert waits is not None
    assert (waits.count, waits.open) == (4, 1)
    (part,) = waits.parts
    assert (part.what, part.mean) == (WaitedFor.TRIGGER, 7.0)


def test_a_comparison_survives_json() -> None:
    found = comparison({"never": NEVER, "fast": FAST}, failed={0: "no"})
    assert Comparison.model_validate_json(found.model_dump_json()) == found
