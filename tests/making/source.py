"""A source of lanes that has what a test gives it."""

from collections.abc import Sequence

from lbstudy.observation.records import Lane
from lbstudy.result.model import Provenance
from lbstudy.result.source import Expected, SettingInfo

from tests.making.results import PROVENANCE


class Observations:
    """Lanes, what was expected of them, and when the load began."""

    def __init__(self, *lanes: Lane, expected: Sequence[Expected] = (), time_zero_unix_nano: int = 0) -> None:
        self.time_zero_unix_nano = time_zero_unix_nano
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
