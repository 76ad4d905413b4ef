"""A run's facts, and spans as far as facts need them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lbstudy.observation.tallies import ClientTally, ServerTally
from lbstudy.platform.interface import Change
from lbstudy.store.description import RunDescription
from lbstudy.store.rows import BusyRow, ConnectionRow, DecisionRow, LookupRow

AttributeValue = str | int | float | bool | Sequence[str]


class FactsError(Exception):
    """The spans are not a run's facts, or not all of them. The message is one line for the user."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything of a run that is not in its pods' telemetry."""

    description: RunDescription
    changes: tuple[Change, ...] = ()  # in the order in which the platform reported them
    client_tallies: Mapping[str, Sequence[ClientTally]] = field(default_factory=dict)  # by setting
    server_tallies: Mapping[str, Sequence[ServerTally]] = field(default_factory=dict)  # by setting
    lookups: tuple[LookupRow, ...] = ()  # in the order of the DNS server's log
    connections: tuple[ConnectionRow, ...] = ()  # in the order in which they were seen
    busy: tuple[BusyRow, ...] = ()  # in the order in which servers were asked
    decisions: tuple[DecisionRow, ...] = ()  # in the order in which the autoscaler took them


@dataclass(frozen=True, slots=True)
class FactSpan:
    """A span, as far as facts need it: without kind, status, events or links."""

    name: str
    trace_id: str  # 32 lower-case hexadecimal digits
    span_id: str  # 16
    parent_span_id: str | None
    start_unix_nano: int
    end_unix_nano: int
    attributes: Mapping[str, AttributeValue]
