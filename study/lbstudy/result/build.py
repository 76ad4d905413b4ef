"""Makes the result from observations: every measure of every lane, the expectations, and the verdict."""

from lbstudy.measures.adaptability import adaptability
from lbstudy.measures.connecting import connecting
from lbstudy.measures.distribution import distribution
from lbstudy.measures.errors import errors
from lbstudy.measures.faults import faults
from lbstudy.measures.known import known
from lbstudy.measures.latency import latency
from lbstudy.measures.ledger import ledger
from lbstudy.measures.phases import phases
from lbstudy.measures.price import price
from lbstudy.measures.resolutions import resolutions
from lbstudy.measures.scaling import scaling
from lbstudy.measures.streams import streams
from lbstudy.measures.timeline import timeline
from lbstudy.measures.utilisation import utilisation
from lbstudy.observation.records import Lane
from lbstudy.result.expectations import evaluate
from lbstudy.result.model import Result, SettingResult
from lbstudy.result.source import SettingInfo, Source
from lbstudy.result.verdict import verdict


def build(source: Source) -> Result:
    """Return the result of what the source has. Raises what the source raises."""
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
    """Return all measures of one setting."""
    run_phases = phases(lane)
    return SettingResult(
        name=info.name,
        description=info.description,
        options={kind: dict(options) for kind, options in info.options.items()},
        servers=list(lane.servers),
        clients=list(lane.clients),
        phases=run_phases,
        timeline=timeline(lane),
        distribution=distribution(lane, run_phases),
        latency=latency(lane),
        errors=errors(lane, run_phases),
        adaptability=adaptability(lane),
        utilisation=utilisation(lane),
        faults=faults(lane),
        streams=streams(lane, run_phases),
        connecting=connecting(lane),
        resolutions=resolutions(lane),
        scaling=scaling(lane),
        price=price(lane),
        not_applied=list(info.not_applied),
        incidents=list(info.incidents),
        is_live=lane.watched is not None,
        ledger=ledger(lane),
        known=known(lane),
    )
