from collections.abc import Sequence

import pytest
from lbstudy.observation.records import Lane
from lbstudy.observation.source import Expected, SettingInfo
from lbstudy.result.build import build
from lbstudy.result.model import Provenance, Result

from tests.measures.lanes import lane, pod, rpcs, tally

PROVENANCE = Provenance(
    run_id="r1",
    scenario="scale",
    scenario_description="",
    scenario_toml="",
    settings_toml={},
    command="lbstudy run",
    started="2026-09-21T14:13:20Z",
    duration=80.0,
    seed=0,
    platform="local",
    machine={},
    versions={},
)


class Observations:
    """A source that has what a test gives it."""

    time_zero_unix_nano = 0

    def __init__(self, *lanes: Lane, expected: Sequence[Expected] = ()) -> None:
        self._lanes = list(lanes)
        self._expected = list(expected)

    def lanes(self) -> list[Lane]:
        return self._lanes

    def settings(self) -> list[SettingInfo]:
        return [SettingInfo(found.setting, "as it is", {"channel": {"a": 1}}) for found in self._lanes]

    def expectations(self) -> list[Expected]:
        return self._expected

    def provenance(self) -> Provenance:
        return PROVENANCE


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
