"""Turns spans, of any language, into evidence. No I/O, and bounded memory.

If a client's span does not say which pod answered, the server's span, which is its child, does.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from grpc_lb_instrumentor import names
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lbstudy.store.spans import status_code
from lbstudy.watch.clients import GONE
from lbstudy.watch.evidence import (
    ClientUpdate,
    Connection,
    Evidence,
    EvidenceSource,
    Failed,
    Requests,
    RpcSeen,
)
from lbstudy.watch.failures import lost_code
from lbstudy.watch.identity import address, client_of, is_call, pod_of, workload_of

REMEMBERED: Final = 20_000
"""Spans of clients, and of servers, that wait for their counterpart."""
_NANO: Final = 1e9
_PEERS: Final = (
    names.NETWORK_PEER_ADDRESS,
    names.NET_SOCK_PEER_ADDR,
    names.NET_PEER_IP,
    names.SERVER_ADDRESS,
    names.NET_PEER_NAME,
)
FIRST_MESSAGE: Final = names.EVENT_FIRST_MESSAGE
_GONE: Final = frozenset({"removed", "shutdown"})

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class PlainSpan:
    """A span in a form independent of its encoding. Ids are hexadecimal; instants s since the Unix epoch."""

    name: str
    kind: int  # OTLP's number
    start: float
    end: float
    id: str
    parent: str
    attributes: Mapping[str, object]
    trace: str = ""
    first_message: float | None = None  # of a stream, at its client


@dataclass(frozen=True, slots=True)
class _Caller:
    workload: str | None
    client: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    pod: str
    at: float


class _Waiting(Generic[ItemT]):
    """The newest spans that wait for their counterpart, by the client's span."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, ItemT] = OrderedDict()

    def put(self, key: str, item: ItemT) -> None:
        self._held[key] = item
        if len(self._held) > REMEMBERED:
            self._held.popitem(last=False)

    def take(self, key: str) -> ItemT | None:
        return self._held.pop(key, None)


class Spans:
    """Reads OTLP requests.

    Args:
        is_known: returns whether a pod with that name or IP is watched.
        remembered: the number of last spans of which a repetition is ignored, as exporters may send a span
            twice.
        calls: report each RPC as well, as a report needs it.
    """

    def __init__(
        self, is_known: Callable[[str], bool], remembered: int = REMEMBERED, *, calls: bool = False
    ) -> None:
        self._is_known = is_known
        self._remembered = remembered
        self._calls = calls
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._callers: _Waiting[_Caller] = _Waiting()
        self._answers: _Waiting[_Answer] = _Waiting()
        self.spans = 0  # spans that were read

    def read(self, request: ExportTraceServiceRequest, received: float) -> Iterator[Evidence]:
        """Yield the evidence in an OTLP request, which came at ``received``, s since the Unix epoch."""
        for group in request.resource_spans:
            resource = _attributes(group.resource.attributes)
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    yield from self.take(_plain(span), resource, received)

    def take(self, span: PlainSpan, resource: Mapping[str, object], received: float) -> Iterator[Evidence]:
        """Yield the evidence in a resource's span, which came at ``received``, or 0.0 if that is unknown."""
        if span.id in self._seen:
            return
        self._seen[span.id] = None
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        self.spans += 1
        if span.name == names.SPAN_RESOLVER_UPDATE:
            yield from _update(span, resource)
        elif span.name == names.SPAN_SUBCHANNEL:
            yield from _connection(span, resource)
        elif span.kind == Span.SPAN_KIND_SERVER:
            yield from self._server(span, resource, received)
        elif span.kind == Span.SPAN_KIND_CLIENT:
            yield from self._client(span, resource, received)

    def _server(self, span: PlainSpan, resource: Mapping[str, object], received: float) -> Iterator[Evidence]:
        pod = pod_of(resource)
        if pod is None or not self._is_known(pod) or not _is_rpc(span):
            return
        at = span.start
        yield Requests(EvidenceSource.SERVER_SPANS, pod, at, at, received=received)
        if self._calls:
            yield _call(span, resource, pod, is_client=False)
        if not span.parent:
            return
        caller = self._callers.take(span.parent)
        if caller is None:
            self._answers.put(span.parent, _Answer(pod, at))
        else:
            yield _joined(caller, _Answer(pod, at), received)

    def _client(self, span: PlainSpan, resource: Mapping[str, object], received: float) -> Iterator[Evidence]:
        attributes = span.attributes
        if not _is_rpc(span):
            return
        caller = _Caller(workload_of(resource), client_of(resource))
        is_unanswered = attributes.get(names.SERVER_ANSWERED) is False
        pod = None if is_unanswered else self._pod(attributes)
        if (code := lost_code(attributes)) is not None:
            yield from _failed(span, caller, code, self._pod(attributes))
        if self._calls:
            yield _call(span, resource, pod, is_client=True)
        if is_unanswered:
            return
        if pod is None:
            answer = self._answers.take(span.id)
            if answer is None:
                self._callers.put(span.id, caller)
            else:
                yield _joined(caller, answer, received)
            return
        self._answers.take(span.id)
        yield Requests(
            EvidenceSource.CLIENT_SPANS,
            pod,
            span.start,
            span.end,
            workload=caller.workload,
            client=caller.client,
            received=received,
        )

    def _pod(self, attributes: Mapping[str, object]) -> str | None:
        """Return the watched pod that a client's span names, by its name or its IP."""
        if (pod := attributes.get(names.SERVER_POD)) and self._is_known(str(pod)):
            return str(pod)
        for key in _PEERS:
            host = address(attributes.get(key))
            if host is not None and self._is_known(host):
                return host
        return None


def _joined(caller: _Caller, answer: _Answer, received: float) -> Requests:
    return Requests(
        EvidenceSource.CLIENT_SPANS,
        answer.pod,
        answer.at,
        answer.at,
        1,
        caller.workload,
        caller.client,
        received,
    )


def _failed(span: PlainSpan, caller: _Caller, code: str, pod: str | None) -> Iterator[Evidence]:
    if caller.workload is None or caller.client is None:
        return
    attributes = span.attributes
    yield Failed(
        caller.workload,
        caller.client,
        span.end,
        code,
        pod,
        str(attributes.get(names.SERVER_ADDRESS, "")),
        _channel(attributes) if names.CHANNEL_ID in attributes else None,
    )


def _channel(attributes: Mapping[str, object]) -> str:
    channel = attributes.get(names.CHANNEL_ID)
    return "-" if channel is None else str(channel)


def _call(span: PlainSpan, resource: Mapping[str, object], pod: str | None, *, is_client: bool) -> RpcSeen:
    attributes = span.attributes
    answered = attributes.get(names.SERVER_ANSWERED)
    channel = attributes.get(names.CHANNEL_ID)
    return RpcSeen(
        is_client=is_client,
        key=span.id if is_client else span.parent or span.id,
        pod=pod,
        target=str(attributes.get(names.SERVER_ADDRESS) or attributes.get(names.NET_PEER_NAME) or "")
        if is_client
        else "",
        workload=workload_of(resource) if is_client else None,
        client=client_of(resource) if is_client else None,
        channel="" if channel is None else str(channel),
        start=span.start,
        end=span.end,
        code=status_code(attributes),
        answered=answered if isinstance(answered, bool) else None,
        trace=span.trace,
        span=span.id,
        stream=str(attributes.get(names.STREAM_KIND) or "") if is_client else "",
        first_message=span.first_message,
    )


def _is_rpc(span: PlainSpan) -> bool:
    attributes = span.attributes
    if "grpc" not in (attributes.get(names.RPC_SYSTEM), attributes.get(names.RPC_SYSTEM_NAME)):
        return False
    service = str(attributes.get(names.RPC_SERVICE) or "")
    return is_call(span.name) and is_call(service) and is_call(str(attributes.get(names.RPC_METHOD) or ""))


def _update(span: PlainSpan, resource: Mapping[str, object]) -> Iterator[Evidence]:
    workload, client = workload_of(resource), client_of(resource)
    attributes = span.attributes
    listed = attributes.get(names.RESOLVER_ADDRESSES)
    if workload is None or client is None:
        return
    listed = listed if isinstance(listed, list) else []
    addresses = [host for text in listed if (host := address(text)) is not None]
    yield ClientUpdate(
        workload,
        client,
        _channel(attributes),
        str(attributes.get(names.RESOLVER_TARGET, "")),
        span.end,
        # A resolution that failed leaves the addresses as they are.
        frozenset(addresses) or None,
        str(attributes.get(names.RESOLVER_OUTCOME, "")),
        str(attributes.get(names.RESOLVER_CAUSE, "")),
        span.start,
        (span.trace, span.id),
    )


def _connection(span: PlainSpan, resource: Mapping[str, object]) -> Iterator[Evidence]:
    workload, client = workload_of(resource), client_of(resource)
    attributes = span.attributes
    to = address(attributes.get(names.NETWORK_PEER_ADDRESS))
    if workload is None or client is None or to is None:
        return
    state = str(attributes.get(names.SUBCHANNEL_STATE, ""))
    channel = attributes.get(names.CHANNEL_ID)
    yield Connection(
        workload,
        client,
        str(attributes.get(names.SUBCHANNEL_ID)),
        to,
        GONE if state in _GONE else state.upper(),
        span.start,
        "" if channel is None else str(channel),
        (span.trace, span.id),
    )


def _plain(span: Span) -> PlainSpan:
    return PlainSpan(
        span.name,
        span.kind,
        span.start_time_unix_nano / _NANO,
        span.end_time_unix_nano / _NANO,
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _attributes(span.attributes),
        span.trace_id.hex(),
        next((event.time_unix_nano / _NANO for event in span.events if event.name == FIRST_MESSAGE), None),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    which = value.WhichOneof("value")
    if which is None:
        return None
    content: object = getattr(value, which)
    return [value_.string_value for value_ in value.array_value.values] if which == "array_value" else content
