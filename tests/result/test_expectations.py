import pytest
from lbstudy.result.build import setting_result
from lbstudy.result.expectations import MEASURES, evaluate, is_met
from lbstudy.result.model import Delay, SettingResult
from lbstudy.result.source import Expected, SettingInfo

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally, update


def result(**others: object) -> SettingResult:
    """a and b from the start, c added at 20 s and Ready at 22 s; of ten RPCs two fail."""
    fields: dict[str, object] = {
        "end": 80,
        "commands": [(-5, 2), (20, 3)],
        "pods": [pod("a"), pod("b"), pod("c", commanded=20, ready=22)],
        "rpcs": [
            *rpcs([1, 2, 60, 61], "a"),
            *rpcs([3, 4, 62, 63], "b"),
            *rpcs([64, 65], None, code="UNAVAILABLE", took=2.0),
        ],
        "client_tallies": [tally({"OK": 8, "UNAVAILABLE": 2}, {"a": 4, "b": 4})],
        **others,
    }
    found = lane(**fields)  # type: ignore[arg-type]  # lane's own arguments
    return setting_result(found, SettingInfo("stock", "", {}))


@pytest.mark.parametrize(
    ("value", "at_least", "at_most", "met"),
    [
        (2.0, 1.0, None, True),
        (2.0, 2.0, 2.0, True),  # the bounds are inclusive
        (2.0, 2.1, None, False),
        (2.0, None, 1.9, False),
        (Delay(seconds=2.0), None, 2.0, True),
        (Delay(seconds=2.0), 3.0, None, False),
        (Delay(censored_after=32.0), None, 100.0, False),  # it may have taken longer than 100 s
        (Delay(censored_after=32.0), 30.0, None, True),
        (Delay(censored_after=32.0), 33.0, None, False),  # it may have come after 32.5 s
        (Delay(censored_after=32.0), 30.0, 100.0, False),
        (None, 0.0, None, False),
        (None, None, 0.0, False),
    ],
)
def test_bounds(
    value: float | Delay | None, at_least: float | None, at_most: float | None, met: bool
) -> None:
    assert is_met(value, at_least, at_most) is met


def test_every_measure_can_be_read_from_a_run_and_says_what_it_means() -> None:
    full = result()
    for name, measure in MEASURES.items():
        assert name == measure.name
        assert measure.meaning
        value = measure.read(full)
        assert value is None or isinstance(value, float | Delay)


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("discovery.undiscovered", 1.0),  # c
        ("discovery.median", Delay(censored_after=58.0)),
        ("detect.largest", Delay(censored_after=58.0)),
        ("fair_share.median", Delay(censored_after=58.0)),
        ("removal.detect.median", None),
        ("errors.count", 2.0),
        ("errors.ratio", 0.2),
        # The last phase is 20–80 s, its second half 50–80: a and b have 2 of 4 each, c none; 1/3 is fair.
        ("distribution.largest_deviation.last", pytest.approx(1.0)),
        ("distribution.coverage.smallest", pytest.approx(2 / 3)),
        ("latency.largest", pytest.approx(2.0)),
        ("load.achieved", 0.9),
    ],
)
def test_what_a_measure_is(measure: str, value: object) -> None:
    assert MEASURES[measure].read(result()) == value


def test_the_removals_delays_are_all_clients() -> None:
    # Removed at 50 s: client-0 hears of it at 54 s, client-1 at 60 s: the larger one is 10 s.
    found = result(
        commands=[(-5, 2), (50, 1)],
        pods=[pod("a"), pod("b", removal_commanded=50)],
        clients=2,
        rpcs=[],
        updates=[update(-1, "ab", 0), update(-1, "ab", 1), update(54, "a", 0), update(60, "a", 1)],
    )
    assert MEASURES["removal.detect.largest"].read(found) == Delay(seconds=10.0)


def test_an_expectation_tells_what_was_expected_and_what_came() -> None:
    met, missed, unknown = evaluate(
        [
            Expected("stock", "discovery.undiscovered", at_least=1),
            Expected("stock", "discovery.median", at_least=1.5, at_most=15),
            Expected("stock", "discovery.medium", at_most=15),
        ],
        [result()],
    )
    assert (met.expected, met.found, met.met) == ("at least 1 servers", "1 servers", True)
    assert (missed.expected, missed.found, missed.met) == ("at least 1.5 s, at most 15 s", "> 58.0 s", False)
    assert (unknown.found, unknown.met) == ("there is no such measure", False)


def test_without_a_value_nothing_is_met() -> None:
    (found,) = evaluate(
        [Expected("stock", "discovery.median", at_least=0)],
        [result(commands=[(-5, 2)], pods=[pod("a")], rpcs=[])],
    )
    assert (found.found, found.met) == ("nothing to measure", False)


def test_a_setting_that_did_not_run_is_not_evaluated() -> None:
    assert evaluate([Expected("max-age", "errors.ratio", at_most=1)], [result()]) == []


def test_an_rpc_may_be_sent_with_any_code() -> None:
    found = result(rpcs=[Rpc(1, "a", code="INTERNAL")])
    assert MEASURES["errors.ratio"].read(found) == 1.0
