import pytest
from lbstudy.observation.records import Lane
from lbstudy.result.build import build
from lbstudy.result.model import Result
from lbstudy.result.source import Expected

from tests.making.results import PROVENANCE
from tests.making.source import Observations
from tests.measures.lanes import lane, pod, rpcs, tally

GOOD = lane(end=80, pods=[pod("a")], rpcs=rpcs([1, 2], "a"), client_tallies=[tally({"OK": 2}, {"a": 2})])
OPEN = lane(
    end=80, pods=[pod("a")], rpcs=rpcs([1], "a"), client_tallies=[tally({"OK": 2}, {"a": 2})], setting="open"
)
EMPTY = lane(end=80, pods=[], commands=[(-5, 0)], clients=0, setting="empty")


def test_a_result_has_all_parts_of_all_settings() -> None:
    found = build(Observations(GOOD, OPEN, expected=[Expected("stock", "errors.ratio", at_most=0)]))
    stock, other = found.settings
    assert (stock.name, stock.description, stock.options) == ("stock", "as it is", {"channel": {"a": 1}})
    assert stock.distribution.total == {"a": 2}
    assert (stock.ledger.closes, other.ledger.closes, found.ledger_closes) == (True, False, False)
    assert [expectation.met for expectation in found.expectations] == [True]
    assert found.provenance == PROVENANCE
    assert "cannot be trusted" in found.verdict.headline


def test_a_ledger_that_closes_for_every_setting_closes() -> None:
    assert build(Observations(GOOD)).ledger_closes


@pytest.mark.parametrize("found", [GOOD, OPEN, EMPTY])
def test_a_result_survives_json(found: Lane) -> None:
    """Which has neither NaN nor infinity: the model allows none."""
    result = build(Observations(found))
    assert Result.model_validate_json(result.model_dump_json()) == result
