"""Writes a control plane's records as spans and metrics. Imported only where endpoint_push is installed."""

from collections import OrderedDict
from typing import Final

from endpoint_push import observer
from endpoint_push.records import (
    Acked,
    ClientConnected,
    ClientDisconnected,
    EndpointsChanged,
    EndpointsWithheld,
    Nacked,
    Record,
    SourceLost,
    Unanswered,
    VersionSent,
)
from endpoint_push.wire import ResourceType
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.records import PushOutcome

_REMEMBERED: Final = 1000  # changes kept, since their pushes may still come
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # s


class PushTelemetry:
    """Observes the control plane of this process, from construction to ``remove``."""

    def __init__(self, tracer_provider: trace.TracerProvider, meter_provider: MeterProvider) -> None:
        """Start observing."""
        self._tracer = tracer_provider.get_tracer(names.SCOPE)
        self._changes: OrderedDict[int, trace.Span] = OrderedDict()  # by version
        meter = meter_provider.get_meter(names.SCOPE)
        self._clients = meter.create_up_down_counter(
            names.METRIC_PUSH_CLIENTS, unit="{client}", description="Clients that are connected"
        )
        self._versions = meter.create_counter(
            names.METRIC_PUSH_VERSIONS, unit="{version}", description="Versions sent, each to one client"
        )
        self._ack_duration = meter.create_histogram(
            names.METRIC_PUSH_ACK_DURATION,
            unit="s",
            description="Time from sending a version to the client's ACK",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._nacks = meter.create_counter(
            names.METRIC_PUSH_NACKS, unit="{nack}", description="Versions that a client refused"
        )
        self._endpoints = meter.create_gauge(
            names.METRIC_PUSH_ENDPOINTS,
            unit="{endpoint}",
            description="Endpoints in the list that clients are sent",
        )
        self._losses = meter.create_counter(
            names.METRIC_PUSH_SOURCE_LOSSES,
            unit="{loss}",
            description="Times that the source of endpoints did not answer",
        )
        observer.add_observer(self.observe)

    def remove(self) -> None:
        """Stop observing."""
        observer.remove_observer(self.observe)

    def observe(self, record: Record) -> None:
        """Write one record."""
        match record:
            case EndpointsChanged():
                self._changed(record)
            case EndpointsWithheld():
                self._withheld(record)
            case ClientConnected():
                self._clients.add(1, context=Context())
            case ClientDisconnected():
                self._clients.add(-1, context=Context())
            case VersionSent():
                self._versions.add(1, {names.PUSH_TYPE: _type(record.kind)}, context=Context())
            case Acked(at=at, sent=sent):
                where = {names.PUSH_TYPE: _type(sent.kind)}
                self._ack_duration.record((at - sent.at) / 1e9, where, context=Context())
                self._answered(sent, at, PushOutcome.ACKED)
            case Nacked(at=at, sent=sent, reason=reason):
                self._nacks.add(1, {names.PUSH_TYPE: _type(sent.kind)}, context=Context())
                self._answered(sent, at, PushOutcome.NACKED, reason)
            case Unanswered(at=at, sent=sent):
                self._answered(sent, at, PushOutcome.UNANSWERED)
            case SourceLost():
                self._losses.add(1, context=Context())
            case _:
                pass

    def _changed(self, record: EndpointsChanged) -> None:
        attributes: dict[str, AttributeValue] = {
            names.PUSH_SERVICE: record.service,
            names.PUSH_VERSION: record.version,
            names.RESOLVER_ADDRESSES: record.addresses,
            names.RESOLVER_ADDED: record.added,
            names.RESOLVER_REMOVED: record.removed,
            names.PUSH_WITHHELD: False,
        }
        self._changes[record.version] = self._point(attributes, record.at)
        if len(self._changes) > _REMEMBERED:
            self._changes.popitem(last=False)
        where = {names.PUSH_SERVICE: record.service}
        self._endpoints.set(len(record.addresses), where, context=Context())

    def _withheld(self, record: EndpointsWithheld) -> None:
        attributes: dict[str, AttributeValue] = {
            names.PUSH_SERVICE: record.service,
            names.RESOLVER_ADDRESSES: record.kept,
            names.PUSH_WITHHELD: True,
        }
        self._point(attributes, record.at)

    def _point(self, attributes: dict[str, AttributeValue], at: int) -> trace.Span:
        """Return a root span without duration."""
        span = self._tracer.start_span(
            names.SPAN_ENDPOINTS, context=Context(), attributes=attributes, start_time=at
        )
        span.end(at)
        return span

    def _answered(self, sent: VersionSent, at: int, outcome: PushOutcome, reason: str = "") -> None:
        attributes: dict[str, AttributeValue] = {
            names.PUSH_NODE: sent.node,
            names.PUSH_TYPE: _type(sent.kind),
            names.PUSH_VERSION: sent.version,
            names.PUSH_RESOURCES: sent.resources,
            names.PUSH_OUTCOME: outcome.value,
        }
        change = None
        if sent.kind is ResourceType.ENDPOINTS:
            change = self._changes.get(sent.version)
            attributes[names.RESOLVER_ADDRESSES] = sent.addresses
            attributes[names.RESOLVER_ADDED] = sent.added
            attributes[names.RESOLVER_REMOVED] = sent.removed
        # A client's first list is not part of the change before it, which may be old: link to it instead.
        is_first = sent.added == sent.addresses
        context = Context()
        if change is not None and not is_first:
            context = trace.set_span_in_context(change, context)
        span = self._tracer.start_span(
            names.SPAN_PUSH,
            context=context,
            attributes=attributes,
            links=[trace.Link(change.get_span_context())] if change is not None and is_first else None,
            start_time=sent.at,
        )
        if outcome is PushOutcome.NACKED:
            span.set_status(trace.StatusCode.ERROR, reason)
            span.set_attribute(names.ERROR_TYPE, outcome.value)
        span.end(at)


def _type(kind: ResourceType) -> str:
    return kind.name.lower()
