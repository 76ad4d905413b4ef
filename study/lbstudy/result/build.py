"""From observations to the result: every measure of every lane, what was expected, and the verdict."""

from lbstudy.measures.adaptability import adaptability
from lbstudy.measures.distribution import distribution
from lbstudy.measures.errors import errors
from lbstudy.measures.faults import faults
from lbstudy.measures.latency import latency
from lbstudy.measures.ledger import ledger
from lbstudy.measures.phases import phases
from lbstudy.measures.price import price
from lbstudy.measures.timeline import timeline
from lbstudy.measures.utilisation import utilisation
from lbstudy.observation.records import Lane
from lbstudy.observation.source import SettingInfo, Source
from lbstudy.result.expectations import evaluate
from lbstudy.result.model import Result, SettingResult
from lbstudy.result.verdict import verdict


def build(source: Source) -> Result:
    """The result of what the source has. Raises what the source raises."""
    infos = {info.name: info for info in source.settings()}
    settings = [setting_result(lane, infos[lane.setting]) for lane in source.lanes()]
    return Result(
        provenance=source.provenance(),
        verdict=verdict(settings),
        settings=settings,
        expectations=evaluate(source.expectations(), settings),
        ledger_closes=all(setting.ledger.closes for setting in settings),
    )


def setting_result(lane: Lane, info: SettingInfo) -> SettingResult:
    """All measures of one setting."""
    found = phases(lane)
    return SettingResult(
        name=info.name,
        description=info.description,
        options={kind: dict(options) for kind, options in info.options.items()},
        servers=list(lane.servers),
        clients=list(lane.clients),
        phases=found,
        timeline=timeline(lane),
        distribution=distribution(lane, found),
        latency=latency(lane),
        errors=errors(lane, found),
        adaptability=adaptability(lane),
        utilisation=utilisation(lane),
        faults=faults(lane),
        price=price(lane),
        ledger=ledger(lane),
    )
