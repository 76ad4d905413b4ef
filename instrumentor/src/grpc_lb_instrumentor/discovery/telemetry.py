"""Writes resolver updates and subchannel states as spans and metrics."""

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.records import Outcome, ResolverUpdate, SubchannelEvent, SubchannelState

_CONNECT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_GOOD = (Outcome.CHANGED, Outcome.UNCHANGED)


class DiscoveryTelemetry:
    """Writes down what a `DiscoveryWatch` reports.

    Every record becomes a root span with its own instants: it belongs to the channel, not to the RPC that
    happened to be under way. The subchannel metrics follow gRFC A94, but are counted per channel as well as
    per target.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(names.SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(names.SCOPE, meter_provider=meter_provider)
        self._updates = meter.create_counter(
            names.METRIC_RESOLVER_UPDATES,
            unit="{update}",
            description="Times that a channel's resolver returned",
        )
        self._addresses = meter.create_gauge(
            names.METRIC_RESOLVER_ADDRESSES,
            unit="{address}",
            description="Addresses in the channel's last good answer",
        )
        self._last_update = meter.create_gauge(
            names.METRIC_RESOLVER_LAST_UPDATE,
            unit="s",
            description="When the channel's resolver last returned, in seconds since the Unix epoch",
        )
        self._succeeded = meter.create_counter(
            names.METRIC_SUBCHANNEL_SUCCEEDED, unit="{attempt}", description="Connections that were made"
        )
        self._failed = meter.create_counter(
            names.METRIC_SUBCHANNEL_FAILED, unit="{attempt}", description="Connections that could not be made"
        )
        self._connect_duration = meter.create_histogram(
            names.METRIC_SUBCHANNEL_CONNECT_DURATION,
            unit="s",
            description="Time to make a connection, TLS's handshake included",
            explicit_bucket_boundaries_advisory=_CONNECT_BUCKETS,
        )
        self._since: dict[tuple[int, int], int] = {}  # channel, subchannel → when it began to connect, ns
        self._disconnections = meter.create_counter(
            names.METRIC_SUBCHANNEL_DISCONNECTIONS,
            unit="{disconnection}",
            description="Connections that ended",
        )
        self._open = meter.create_up_down_counter(
            names.METRIC_SUBCHANNEL_OPEN, unit="{connection}", description="Connections that are open"
        )

    def update(self, record: ResolverUpdate) -> None:
        """Write a span and the resolver metrics for a resolver update."""
        failed = record.outcome not in _GOOD
        attributes: dict[str, AttributeValue] = {
            names.RESOLVER_TARGET: record.target,
            names.DNS_QUESTION_NAME: record.question,
            names.RESOLVER_OUTCOME: record.outcome.value,
            names.RESOLVER_CAUSE: record.cause.value,
            names.RESOLVER_ADDRESSES: record.addresses,
            names.RESOLVER_ADDED: record.added,
            names.RESOLVER_REMOVED: record.removed,
            names.RESOLVER_CHANGED: record.outcome is Outcome.CHANGED,
        }
        if record.families:
            attributes[names.RESOLVER_FAMILIES] = record.families
            attributes[names.RESOLVER_QUESTIONS] = record.questions
        if record.missing:
            attributes[names.RESOLVER_MISSING] = " ".join(record.missing)
        where: dict[str, str | int] = {names.RESOLVER_TARGET: record.target}
        if record.channel is not None:
            attributes[names.CHANNEL_ID] = where[names.CHANNEL_ID] = record.channel
        else:
            attributes[names.CHANNEL_IDS] = record.channels[: names.CHANNEL_IDS_MOST]
            attributes[names.CHANNEL_COUNT] = len(record.channels)
        if failed:
            attributes[names.ERROR_TYPE] = record.outcome.value
        span = self._tracer.start_span(
            names.SPAN_RESOLVER_UPDATE,
            context=Context(),
            kind=trace.SpanKind.INTERNAL,
            attributes=attributes,
            start_time=record.started,
        )
        if failed:
            span.set_status(trace.StatusCode.ERROR, record.outcome.value)
        span.end(record.ended)

        self._updates.add(1, {**where, names.RESOLVER_OUTCOME: record.outcome.value}, context=Context())
        self._last_update.set(record.ended / 1e9, where, context=Context())
        if not failed:
            self._addresses.set(len(record.addresses), where, context=Context())

    def subchannel(self, record: SubchannelEvent) -> None:
        """Write a span without duration and the metrics for a state that a subchannel entered."""
        host, _, port = record.address.rpartition(":")
        attributes: dict[str, AttributeValue] = {
            names.CHANNEL_ID: record.channel,
            names.SUBCHANNEL_ID: record.subchannel,
            names.SUBCHANNEL_STATE: record.state.value,
            names.RESOLVER_TARGET: record.target,
        }
        if host and port.isdecimal():
            attributes[names.NETWORK_PEER_ADDRESS] = host.strip("[]")
            attributes[names.NETWORK_PEER_PORT] = int(port)
        elif record.address:
            attributes[names.NETWORK_PEER_ADDRESS] = record.address
        span = self._tracer.start_span(
            names.SPAN_SUBCHANNEL,
            context=Context(),
            kind=trace.SpanKind.INTERNAL,
            attributes=attributes,
            start_time=record.at,
        )
        span.end(record.at)
        self._count(record)

    def _count(self, record: SubchannelEvent) -> None:
        where: dict[str, str | int] = {names.CHANNEL_ID: record.channel, names.RESOLVER_TARGET: record.target}
        context = Context()
        if record.state is record.previous:
            return
        self._time(record, where)
        if record.state is SubchannelState.READY:
            self._succeeded.add(1, where, context=context)
            self._open.add(1, where, context=context)
        elif record.previous is SubchannelState.READY:
            self._disconnections.add(1, where, context=context)
            self._open.add(-1, where, context=context)
        elif record.state is SubchannelState.TRANSIENT_FAILURE:
            self._failed.add(1, where, context=context)

    def _time(self, record: SubchannelEvent, where: dict[str, str | int]) -> None:
        """Note when a subchannel begins to connect; once it is READY, how long that took."""
        key = record.channel, record.subchannel
        if record.state is SubchannelState.CONNECTING:
            self._since[key] = record.at
            return
        since = self._since.pop(key, None)
        if since is not None and record.state is SubchannelState.READY:
            self._connect_duration.record(max(0, record.at - since) / 1e9, where, context=Context())
