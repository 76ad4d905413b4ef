"""Turns a run's facts into spans. No I/O; the same facts make the same spans, with the same ids."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from lbstudy.observation import attributes
from lbstudy.observation.records import Forwarded
from lbstudy.observation.tallies import ClientTally, ServerTally, flat
from lbstudy.platform.interface import Change
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import BusyRow, ConnectionRow, DecisionRow, LookupRow
from lbstudy.traces import names
from lbstudy.traces.facts import AttributeValue, FactSpan, RunFacts

_NANO: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Point:
    """A span without duration, before it has ids."""

    name: str
    at: int  # ns since the Unix epoch
    attributes: dict[str, AttributeValue]


def encode(facts: RunFacts) -> list[FactSpan]:
    """Return the trace of a run's facts: the root, then one span without duration for each fact."""
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
    """Return what became of the run's telemetry on its way to the Collector; known only at the end.

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
            yield _Point(names.SPAN_CLIENT_TALLY, end, _tally(setting, client))
    for setting, servers in facts.server_tallies.items():
        for server in servers:
            yield _Point(names.SPAN_SERVER_TALLY, end, _tally(setting, server))
    for lookup in facts.lookups:
        yield _Point(names.SPAN_LOOKUP, lookup.at_unix_nano, _lookup(lookup))
    for connection in facts.connections:
        yield _Point(names.SPAN_CONNECTION, connection.at_unix_nano, _connection(connection))
    for (at, setting), rows in groupby(facts.busy, lambda row: (row.at_unix_nano, row.setting)):
        yield _Point(names.SPAN_BUSY, at, _busy(setting, rows))
    for decision in facts.decisions:
        yield _Point(names.SPAN_DECISION, decision.at_unix_nano, _decision(decision))


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


def _tally(setting: str, tally: ClientTally | ServerTally) -> dict[str, AttributeValue]:
    (_, pod), *counts = flat(tally).items()
    values: dict[str, AttributeValue] = {attributes.SETTING: setting, names.POD: str(pod)}
    return values | {names.TALLY + field: value for field, value in counts if value is not None}


def _connection(row: ConnectionRow) -> dict[str, AttributeValue]:
    return {
        names.POD: row.pod,
        names.CONNECTION_STATE: row.state,
        names.CONNECTION_ERROR: row.error,
        names.CONNECTION_LOCAL: row.local,
        names.CONNECTION_REMOTE: row.remote,
    }


def _busy(setting: str, rows: Iterable[BusyRow]) -> dict[str, AttributeValue]:
    counted = [[row.pod, row.uptime, row.busy, row.concurrency, row.waiting, row.ended] for row in rows]
    return {attributes.SETTING: setting, names.BUSY: dumps(counted)}


def _decision(row: DecisionRow) -> dict[str, AttributeValue]:
    values: dict[str, AttributeValue] = {attributes.SETTING: row.setting}
    for name, value in row._asdict().items():
        if name not in {"at_unix_nano", "setting"} and value is not None:
            values[names.DECISION + name] = value
    return values


def _lookup(lookup: LookupRow) -> dict[str, AttributeValue]:
    return {
        names.LOOKUP_NAME: lookup.name,
        names.LOOKUP_QTYPE: lookup.qtype,
        names.LOOKUP_RCODE: lookup.rcode,
        names.LOOKUP_ANSWERS: list(lookup.addresses),
        names.LOOKUP_PEER: lookup.peer,
        names.LOOKUP_TRANSPORT: lookup.transport,
        names.LOOKUP_AUTHORITY: lookup.authority,
    }
