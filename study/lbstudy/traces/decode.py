"""Turns spans back into a run's facts: the inverse of ``encode``. No I/O."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from lbstudy.observation import attributes
from lbstudy.observation.records import Forwarded, ForwardedCount
from lbstudy.observation.tallies import ClientTally, ServerTally, read_tally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.store.description import RunDescription
from lbstudy.store.rows import BusyRow, ConnectionRow, DecisionRow, LookupRow
from lbstudy.traces import names
from lbstudy.traces.facts import AttributeValue, FactsError, FactSpan, RunFacts


def decode(spans: Iterable[FactSpan]) -> RunFacts:
    """Read the facts from the spans of their trace, in any order; other spans are ignored.

    OTLP delivers at least once: a repeated span counts once.

    Raises:
        FactsError: there is no root, it is of another version, or facts are missing or unreadable.
    """
    unique = {span.span_id: span for span in spans}.values()
    root = next((span for span in unique if span.name == names.SPAN_RUN), None)
    if root is None:
        raise FactsError(f"there is no span {names.SPAN_RUN!r}: the run has not ended, or its facts are lost")
    try:
        return _decode(root, [span for span in unique if span.parent_span_id == root.span_id])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FactsError(f"attribute {names.DESCRIPTION}, {where}: {first['msg']}") from error
    except KeyError as error:
        raise FactsError(f"a span of the run's facts has no attribute {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise FactsError(f"a span of the run's facts cannot be read: {error}") from error


def decode_forwarded(spans: Iterable[FactSpan]) -> Forwarded | None:
    """Return what the Collector accepted of the run, as the study counted it; None if no span has it."""
    for span in spans:
        if span.name == names.SPAN_FORWARDED:
            values = span.attributes
            return Forwarded(
                spans=ForwardedCount(
                    stored=_int(values[names.STORED_SPANS]),
                    sent=_int(values[names.FORWARDED_SPANS]),
                    lost=_json(values[names.LOST_SPANS]),
                ),
                points=ForwardedCount(
                    stored=_int(values[names.STORED_POINTS]),
                    sent=_int(values[names.FORWARDED_POINTS]),
                    lost=_json(values[names.LOST_POINTS]),
                ),
            )
    return None


def _decode(root: FactSpan, points: list[FactSpan]) -> RunFacts:
    version = root.attributes[names.FACTS_VERSION]
    if _int(version) != names.VERSION:
        raise FactsError(f"the run's facts are of version {version}; version {names.VERSION} was expected")
    count = _int(root.attributes[names.FACTS_COUNT])
    if len(points) != count:
        raise FactsError(f"{count - len(points)} of the run's {count} facts are missing")
    description = RunDescription.model_validate_json(str(root.attributes[names.DESCRIPTION]))
    run_id = description.provenance.run_id
    # The ids follow from the facts' order, and so restore it.
    order = {names.span_id(run_id, number): number for number in range(1, count + 1)}
    points.sort(key=lambda span: order.get(span.span_id, 0))
    clients: dict[str, list[ClientTally]] = {}
    servers: dict[str, list[ServerTally]] = {}
    for span in points:
        if span.name == names.SPAN_CLIENT_TALLY:
            clients.setdefault(_setting(span), []).append(
                read_tally(ClientTally, {"client": span.attributes[names.POD], **_tally(span.attributes)})
            )
        elif span.name == names.SPAN_SERVER_TALLY:
            servers.setdefault(_setting(span), []).append(
                read_tally(ServerTally, {"server": span.attributes[names.POD], **_tally(span.attributes)})
            )
    return RunFacts(
        description=description,
        changes=tuple(_change(span) for span in points if span.name == names.SPAN_CHANGE),
        client_tallies=clients,
        server_tallies=servers,
        lookups=tuple(_lookup(span) for span in points if span.name == names.SPAN_LOOKUP),
        connections=tuple(_connection(span) for span in points if span.name == names.SPAN_CONNECTION),
        busy=tuple(row for span in points if span.name == names.SPAN_BUSY for row in _busy(span)),
        decisions=tuple(_decision(span) for span in points if span.name == names.SPAN_DECISION),
    )


def _setting(span: FactSpan) -> str:
    return str(span.attributes[attributes.SETTING])


def _change(span: FactSpan) -> Change:
    values = span.attributes
    return Change(
        at=span.start_unix_nano,
        error=_float(values[names.CHANGE_ERROR]),
        kind=ChangeKind(str(values[names.CHANGE_KIND])),
        deployment=str(values[names.DEPLOYMENT]),
        pod=_text(values.get(names.POD)),
        address=_text(values.get(names.CHANGE_ADDRESS)),
        # A backend may drop an attribute that is empty.
        detail=str(values.get(names.CHANGE_DETAIL, "")),
    )


def _tally(values: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {
        key.removeprefix(names.TALLY): value for key, value in values.items() if key.startswith(names.TALLY)
    }


def _lookup(span: FactSpan) -> LookupRow:
    values = span.attributes
    answers = values.get(names.LOOKUP_ANSWERS, ())
    return LookupRow(
        at_unix_nano=span.start_unix_nano,
        name=str(values[names.LOOKUP_NAME]),
        qtype=str(values[names.LOOKUP_QTYPE]),
        rcode=str(values[names.LOOKUP_RCODE]),
        # Jaeger's badger storage keeps an array as JSON text.
        addresses=_json(answers) if isinstance(answers, str) else [str(item) for item in _items(answers)],
        peer=str(values[names.LOOKUP_PEER]),
        transport=str(values[names.LOOKUP_TRANSPORT]),
        authority=str(values.get(names.LOOKUP_AUTHORITY, "")),
    )


def _connection(span: FactSpan) -> ConnectionRow:
    values = span.attributes
    return ConnectionRow(
        at_unix_nano=span.start_unix_nano,
        error=_float(values[names.CONNECTION_ERROR]),
        pod=str(values[names.POD]),
        state=str(values[names.CONNECTION_STATE]),
        # A backend may drop an attribute that is empty.
        local=str(values.get(names.CONNECTION_LOCAL, "")),
        remote=str(values.get(names.CONNECTION_REMOTE, "")),
    )


def _busy(span: FactSpan) -> Iterator[BusyRow]:
    for pod, uptime, busy, concurrency, waiting, ended in _json(span.attributes[names.BUSY]):
        yield BusyRow(span.start_unix_nano, _setting(span), pod, uptime, busy, concurrency, waiting, ended)


def _decision(span: FactSpan) -> DecisionRow:
    def told(field: str) -> int:
        return _int(span.attributes[names.DECISION + field])

    has_metric = names.DECISION + "utilization" in span.attributes
    return DecisionRow(
        at_unix_nano=span.start_unix_nano,
        setting=_setting(span),
        current=told("current"),
        wished=told("wished"),
        desired=told("desired"),
        utilization=told("utilization") if has_metric else None,
        target=told("target"),
        ready=told("ready"),
        unready=told("unready"),
        missing=told("missing"),
    )


def _items(value: AttributeValue) -> Iterable[str]:
    if isinstance(value, (str, int, float)):
        raise TypeError(f"a list was expected, not {value!r}")
    return value


def _int(value: AttributeValue) -> int:
    if not isinstance(value, (str, int)):
        raise TypeError(f"an integer was expected, not {value!r}")
    return int(value)  # text in OTLP's JSON


def _float(value: AttributeValue) -> float:
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"a number was expected, not {value!r}")
    return float(value)


def _json(value: AttributeValue) -> Any:  # noqa: ANN401 - what JSON holds
    return json.loads(str(value))


def _text(value: AttributeValue | None) -> str | None:
    return None if value is None else str(value)
