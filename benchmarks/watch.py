"""What a watch costs: 1,000 spans a second of 500 pods, into the core and its tables.

    .venv/bin/python benchmarks/watch.py [--seconds 120] [--spans 1000] [--pods 500] [--clients 100]

Prints the share of a core and the memory, every ten seconds and at the end. Half of the spans are of servers,
half of clients; a tenth of the pods is replaced each minute; the table is drawn each second.
"""

import argparse
import io
import random
import resource
import time

import psutil
from lbstudy.watch.core import Core
from lbstudy.watch.evidence import Instant, PodGone, PodSeen
from lbstudy.watch.spans import Spans
from lbstudy.watch.tables import tables
from lbstudy.watch.view import SHOWN
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from rich.console import Console

SERVICE = "shop/orders"
PATIENCE = 10.0
MIB = 1 << 20


def text(key: str, value: str) -> KeyValue:
    """An attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


RPC = [text("rpc.system", "grpc"), text("rpc.service", "shop.Orders"), text("rpc.method", "Get")]


class Load:
    """Pods that come and go, and the spans of one second."""

    def __init__(self, pods: int, clients: int) -> None:
        self._random = random.Random(1)
        self._made = 0
        self.clients = clients
        self.pods = [self.new() for _ in range(pods)]

    def new(self) -> str:
        """A pod's name that was not there before."""
        self._made += 1
        return f"orders-67f75665bb-{self._made:05d}"

    def second(self, spans: int, at: float) -> bytes:
        """The spans of a second, as a Collector sends them."""
        groups = []
        for _ in range(spans // 2):
            identity = self._random.randbytes(8)
            pod = self._random.choice(self.pods)
            client = self._random.randrange(self.clients)
            start = at - self._random.random()
            groups.append(
                self._group([text("k8s.pod.name", pod)], Span.SPAN_KIND_SERVER, start, b"", identity)
            )
            who = [
                text("k8s.deployment.name", f"checkout-{client % 10}"),
                text("k8s.pod.name", f"c-{client}"),
            ]
            groups.append(self._group(who, Span.SPAN_KIND_CLIENT, start - 0.001, identity, b""))
        return ExportTraceServiceRequest(resource_spans=groups).SerializeToString()

    def _group(
        self,
        resource: list[KeyValue],
        kind: "Span.SpanKind.ValueType",
        start: float,
        identity: bytes,
        parent: bytes,
    ) -> ResourceSpans:
        span = Span(
            name="shop.Orders/Get",
            kind=kind,
            span_id=identity or self._random.randbytes(8),
            parent_span_id=parent,
            start_time_unix_nano=round(start * 1e9),
            end_time_unix_nano=round(start * 1e9) + 2_000_000,
            attributes=RPC,
        )
        return ResourceSpans(resource=Resource(attributes=resource), scope_spans=[ScopeSpans(spans=[span])])


def main() -> None:
    """Feed a core for a while; time is the load's own, so that a fast machine need not wait."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--spans", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=500)
    parser.add_argument("--clients", type=int, default=100)
    args = parser.parse_args()
    load = Load(args.pods, args.clients)
    begun = 1_800_000_000.0
    core = Core([SERVICE], begun, PATIENCE)
    spans = Spans(lambda pod: core.services[SERVICE].pod(pod) is not None)
    console = Console(file=io.StringIO(), width=200)
    for number, pod in enumerate(load.pods):
        core.take(seen(pod, number, begun - 60))
    core.begin(SERVICE)
    used, number = 0.0, args.pods
    for second in range(1, args.seconds + 1):
        now = begun + second
        body = load.second(args.spans, now)
        before = time.process_time()
        for found in spans.read(ExportTraceServiceRequest.FromString(body), now):
            core.take(found)
        if second % 6 == 0:  # a tenth of 500 pods a minute
            for _ in range(max(1, args.pods // 100)):
                gone = load.pods.pop(0)
                core.take(PodGone(SERVICE, gone, Instant(now)))
                load.pods.append(load.new())
                number += 1
                core.take(seen(load.pods[-1], number, now))
        core.look(now)
        console.print(tables(core, now, most=SHOWN))
        console.file = io.StringIO()
        used += time.process_time() - before
        if second % 10 == 0 or second == args.seconds:
            memory = psutil.Process().memory_info().rss / MIB
            print(f"{second:5d} s: {100 * used / second:5.1f} % of a core, {memory:6.1f} MiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{spans.spans} spans, {core.told} events; peak memory, with the load's own: {peak:.0f} MiB")


def seen(pod: str, number: int, at: float) -> PodSeen:
    """A Ready pod."""
    return PodSeen(
        SERVICE, pod, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", at, Instant(at), "t"
    )


if __name__ == "__main__":
    main()
