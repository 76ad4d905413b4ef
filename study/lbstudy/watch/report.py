"""A watch as a source of observations, one lane for each Service: what the study's report is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lbstudy.observation.records import Lane
from lbstudy.result.model import Provenance
from lbstudy.result.source import Expected, SettingInfo, Source
from lbstudy.watch.lane import lane_of
from lbstudy.watch.model import ServiceResult, SourceResult, WatchResult
from lbstudy.watch.recorder import Recorder

_NANO: Final = 1e9


@dataclass(frozen=True, slots=True)
class WatchSource(Source):
    """What a watch saw.

    Args:
        recorders: Service → what was kept of it.
        result: what the watch itself found.
        command: that made it, as for a shell.
        where: who was asked, for people: "Kubernetes, context kind", Prometheus' URL.
        machine: that the watch ran on.
        versions: of what it ran with.
    """

    recorders: Mapping[str, Recorder]
    result: WatchResult
    command: str
    where: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def time_zero_unix_nano(self) -> int:
        """The instant at which the watch began."""
        return round(self.result.began * _NANO)

    def lanes(self) -> list[Lane]:
        """Everything observed, one lane a Service."""
        return [
            lane_of(self.recorders[service.name], service, self.result.ended)
            for service in self.result.services
        ]

    def settings(self) -> list[SettingInfo]:
        """The Services that were watched side by side."""
        return [SettingInfo(service.name, _description(service), {}) for service in self.result.services]

    def expectations(self) -> list[Expected]:
        """Nothing was expected."""
        return []

    def provenance(self) -> Provenance:
        """What was watched, from where and with what."""
        began = datetime.fromtimestamp(self.result.began, UTC)
        return Provenance(
            made_by="watch",
            run_id=f"watch-{began:%Y%m%dT%H%M%SZ}",
            scenario="watch",
            scenario_description="live Services, which nobody commanded",
            scenario_toml="",
            settings_toml={},
            command=self.command,
            started=began.isoformat(timespec="seconds"),
            duration=self.result.ended - self.result.began,
            seed=None,
            platform=self.where,
            machine=dict(self.machine),
            versions=dict(self.versions),
            sources={source.name: _words(source) for source in self.result.sources},
        )


def _description(service: ServiceResult) -> str:
    ready = sum(pod.status == "Ready" for pod in service.pods)
    came = sum(pod.came for pod in service.pods)
    went = sum(pod.went for pod in service.pods)
    return f"{ready} Ready at the end; {came} came, {went} went"


def _words(source: SourceResult) -> str:
    return "; ".join(part for part in (source.has, source.lacks) if part) or "nothing"
