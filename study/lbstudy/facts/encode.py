"""From a run's facts to spans. Pure, and the same facts make the same spans, their ids included."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from lbstudy.facts import names
from lbstudy.facts.model import AttributeValue, FactSpan, RunFacts
from lbstudy.observation import attributes
from lbstudy.observation.records import ClientTally, Forwarded, ServerTally
from lbstudy.platform.interface import Change
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import LookupRow

_NANO: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Point:
    """A point span before it has ids."""

    name: str
    at: int  # ns since the Unix epoch
    attributes: dict[str, AttributeValue]


def encode(facts: RunFacts) -> list[FactSpan]:
    """The trace of a run's facts: the root, then one point span a fact."""
    run_id = facts.description.provenance.run_id
    zero = facts.description.time_zero_unix_nano
    end = zero + round(facts.description.provenance.duration * _NANO)
    trace, root = names.trace_id(run_id), names.span_id(run_id, 0)
    spans = [
        FactSpan(
            point.name,
            trace,
            names.span_id(run_id, number),
            root,
            point.at,
            point.at,
            {attributes.RUN_ID: run_id} | point.attributes,
        )
        for number, point in enumerate(_points(facts, end), start=1)
    ]
    values: dict[str, AttributeValue] = {
        attributes.RUN_ID: run_id,
        names.FACTS_VERSION: names.VERSION,
        names.FACTS_COUNT: len(spans),
        names.DESCRIPTION: facts.description.model_dump_json(),
    }
    return [FactSpan(names.SPAN_RUN, trace, root, None, zero, end, values), *spans]


def encode_forwarded(run_id: str, at: int, forwarded: Forwarded) -> FactSpan:
    """What became of the run's telemetry on its way to the Collector; known only when all of it is sent.

    Args:
        run_id: the run.
        at: ns since the Unix epoch.
        forwarded: the counts.
    """
    return FactSpan(
        names.SPAN_FORWARDED,
        names.trace_id(run_id),
        names.span_id(run_id, -1),
        None,
        at,
        at,
        {
            attributes.RUN_ID: run_id,
            names.FORWARDED_SPANS: forwarded.spans.sent,
            names.STORED_SPANS: forwarded.spans.stored,
            names.LOST_SPANS: dumps(dict(forwarded.spans.lost)),
            names.FORWARDED_POINTS: forwarded.points.sent,
            names.STORED_POINTS: forwarded.points.stored,
            names.LOST_POINTS: dumps(dict(forwarded.points.lost)),
        },
    )


def _points(facts: RunFacts, end: int) -> Iterator[_Point]:
    settings = {setting.deployment: setting.name for setting in facts.description.settings}
    for change in facts.changes:
        yield _Point(names.SPAN_CHANGE, change.at, _change(change, settings.get(change.deployment)))
    for setting, clients in facts.client_tallies.items():
        for client in clients:
            yield _Point(names.SPAN_CLIENT_TALLY, end, _client(setting, client))
    for setting, servers in facts.server_tallies.items():
        for server in servers:
            yield _Point(names.SPAN_SERVER_TALLY, end, _server(setting, server))
    for lookup in facts.lookups:
        yield _Point(names.SPAN_LOOKUP, lookup.at_unix_nano, _lookup(lookup))


def _change(change: Change, setting: str | None) -> dict[str, AttributeValue]:
    values: dict[str, AttributeValue] = {
        names.CHANGE_KIND: str(change.kind),
        names.CHANGE_ERROR: change.error,
        names.CHANGE_DETAIL: change.detail,
        names.DEPLOYMENT: change.deployment,
    }
    if setting is not None:
        values[attributes.SETTING] = setting
    if change.pod is not None:
        values[names.POD] = change.pod
    if change.address is not None:
        values[names.CHANGE_ADDRESS] = change.address
    return values


def _client(setting: str, tally: ClientTally) -> dict[str, AttributeValue]:
    counted = asdict(tally)
    pod = counted.pop("client")
    return {attributes.SETTING: setting, names.POD: pod} | {
        names.TALLY + name: dumps(value) if isinstance(value, dict) else value
        for name, value in counted.items()
    }


def _server(setting: str, tally: ServerTally) -> dict[str, AttributeValue]:
    values: dict[str, AttributeValue] = {attributes.SETTING: setting, names.POD: tally.server}
    if tally.by_code is not None:
        values[names.TALLY + "by_code"] = dumps(tally.by_code)
    return values


def _lookup(lookup: LookupRow) -> dict[str, AttributeValue]:
    return {
        names.LOOKUP_NAME: lookup.name,
        names.LOOKUP_QTYPE: lookup.qtype,
        names.LOOKUP_RCODE: lookup.rcode,
        names.LOOKUP_ANSWERS: list(lookup.addresses),
        names.LOOKUP_PEER: lookup.peer,
        names.LOOKUP_TRANSPORT: lookup.transport,
    }
