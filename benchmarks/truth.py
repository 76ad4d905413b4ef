"""How true the instants are: resolver updates, connects and first RPCs against independent referees.

Servers on loopback addresses are added and removed behind a small DNS server while a client calls them
over round_robin; a server that is restarted breaks a connection, so that the client resolves. The
client runs under the instrumentor as a user would have it; what is compared are the spans that it exported:

- resolver updates (start and end) and connects (a subchannel's READY) against gRPC's own trace, in a file;
- the first RPC that each new server answered (end of the client's span that names it) against the server's
  own note of its first answer.

Missed: the referee has it, and there is no span. Made up: the other way round.
Target: 99 % within 10 ms, none missed, none made up.

    .venv/bin/python benchmarks/truth.py [CHANGES, default 60]
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.discovery.lab.referee import read_trace  # noqa: E402 - see the path above

if TYPE_CHECKING:
    from tests.discovery.lab.dns_server import DnsServer
    from tests.discovery.lab.echo_servers import EchoServers

WITHIN = 10.0  # ms
PAIRED = 500_000_000  # ns; further apart are not the same event
PATIENCE = 30.0  # s
NAME = "truth.test"
STABLE, BREAKER = "127.0.90.1", "127.0.90.2"  # the second is restarted to break a connection

Span = dict[str, Any]


# --- the client ---


def client(target: str) -> None:
    """Call some 80 times a second until stdin ends; print every span as a line."""
    from grpc_lb_instrumentor import GrpcLbInstrumentor  # noqa: PLC0415 - before gRPC is imported
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace import export as sdk  # noqa: PLC0415

    lock = threading.Lock()

    class Lines(sdk.SpanExporter):
        def export(self, spans: Sequence[Any]) -> sdk.SpanExportResult:
            for span in spans:
                times = {"start": span.start_time, "end": span.end_time}
                told = {"name": span.name, **times, **(span.attributes or {})}
                with lock:
                    print(json.dumps(told), flush=True)
            return sdk.SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(sdk.SimpleSpanProcessor(Lines()))
    trace.set_tracer_provider(provider)  # the only one that the upstream client instrumentor knows
    GrpcLbInstrumentor().instrument()
    import grpc  # noqa: PLC0415
    from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient  # noqa: PLC0415

    GrpcInstrumentorClient().instrument()  # type: ignore[no-untyped-call]
    options = [
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.dns_min_time_between_resolutions_ms", 50),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 200),
    ]
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with grpc.insecure_channel(target, options=options) as channel:
        call: Callable[..., bytes] = channel.unary_unary("/lab.Echo/Call")
        while not over.wait(0.01):
            with contextlib.suppress(grpc.RpcError):  # a server that is stopped cuts some off
                call(b"", timeout=5)
    provider.shutdown()


# --- the changes ---


class Client:
    """The client process and its spans so far."""

    def __init__(self, target: str, log: Path) -> None:
        self.spans: list[Span] = []
        self._news = threading.Condition()
        self._log = log.open("wb")
        environment = {
            "GRPC_VERBOSITY": "debug",
            "GRPC_TRACE": "event_engine_client_channel_resolver,cares_resolver,subchannel",
            "TZ": "UTC",
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--client", target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, wanted: Callable[[Span], bool], since: int) -> bool:
        """Whether such a span comes, at this index or later."""
        with self._news:
            return self._news.wait_for(lambda: any(map(wanted, self.spans[since:])), PATIENCE)

    def end(self) -> None:
        """End it in an orderly way and read all that it says."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._reader.join(PATIENCE)
        self.process.wait(PATIENCE)
        self._log.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.spans.append(json.loads(line))
                self._news.notify_all()


def named(address: str) -> Callable[[Span], bool]:
    """Whether a span is that of an RPC which this server answered."""
    return lambda span: span.get("server.k8s.pod.name") == address and span["name"].endswith("Call")


def dropped(address: str) -> Callable[[Span], bool]:
    """Whether a span is that of a resolver update which removed this server."""
    return lambda span: address in span.get("grpc_lb.resolver.removed", ())


def change_servers(changes: int, probe: Client, dns_server: "DnsServer", servers: "EchoServers") -> None:
    """Add and remove servers, two of each in turn; go on when the client has noticed."""
    present = [STABLE, BREAKER]
    fresh = (f"127.0.91.{number}" for number in itertools.count(1))
    noticed = probe.wait(named(STABLE), 0)
    for change in range(changes):
        assert noticed, "the client has not noticed"
        seen = len(probe.spans)
        if change % 4 < 2:
            added = next(fresh)
            servers.start(added)
            present.append(added)
            dns_server.set(NAME, *present)
            servers.stop(BREAKER)
            servers.start(BREAKER)
            noticed = probe.wait(named(added), seen)
        else:
            removed = present.pop(2)
            dns_server.set(NAME, *present)
            servers.stop(removed)
            noticed = probe.wait(dropped(removed), seen)
        if sys.stderr.isatty():
            print(f"\r{change + 1} of {changes} changes", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    assert noticed, "the client has not noticed"


def run(changes: int, folder: Path) -> list[tuple[str, "Comparison"]]:
    """Make the changes, end the client, compare."""
    from tests.discovery.lab.dns_server import DnsServer  # noqa: PLC0415 - not in the client, which loads gRPC later
    from tests.discovery.lab.echo_servers import EchoServers  # noqa: PLC0415

    dns_server, servers = DnsServer().start(), EchoServers()
    servers.start(STABLE, BREAKER)
    dns_server.set(NAME, STABLE, BREAKER)
    log = folder / "grpc.log"
    probe = Client(f"dns://127.0.0.1:{dns_server.port}/{NAME}:{servers.port}", log)
    try:
        change_servers(changes, probe, dns_server, servers)
    finally:
        probe.end()
        servers.close()
        dns_server.stop()

    trace = read_trace(log)
    updates = [span for span in probe.spans if span["name"] == "grpc_lb.resolver.update"]
    states = [span for span in probe.spans if span["name"] == "grpc_lb.subchannel"]
    ready = [
        (f"{span['network.peer.address']}:{span['network.peer.port']}", span["start"])
        for span in states
        if span["grpc_lb.subchannel.state"] == "ready"
    ]
    first_seen: list[tuple[str, int]] = []
    for address in {address for address, _ in servers.first if address != BREAKER}:
        answered = [span["end"] for span in probe.spans if named(address)(span)]
        first_seen += [(address, min(answered))] if answered else []
    noted = [(address, at) for (address, _), at in servers.first.items() if address != BREAKER]
    return [
        (
            "resolver update, start",
            compare(
                [("", one.started) for one in trace.resolutions], [("", span["start"]) for span in updates]
            ),
        ),
        (
            "resolver update, end",
            compare([("", one.ended) for one in trace.resolutions], [("", span["end"]) for span in updates]),
        ),
        (
            "connect (READY)",
            compare([(one.address, one.at) for one in trace.states if one.state == "ready"], ready),
        ),
        ("first RPC of a server", compare(noted, first_seen)),
    ]


# --- the comparison ---


class Comparison:
    """Differences in ms of what was paired, and what was not."""

    def __init__(self) -> None:
        self.differences: list[float] = []
        self.missed = 0
        self.made_up = 0

    def met(self) -> bool:
        """Whether the target is met."""
        return not self.missed and not self.made_up and self.share() >= 0.99

    def share(self) -> float:
        """The share within the limit."""
        return sum(abs(one) <= WITHIN for one in self.differences) / max(1, len(self.differences))

    def quantile(self, q: float) -> float:
        """Of the absolute differences, by nearest rank."""
        ordered = sorted(map(abs, self.differences))
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def compare(referee: list[tuple[str, int]], ours: list[tuple[str, int]]) -> Comparison:
    """Pair by key and in order; what has no counterpart near it is missed, or made up."""
    result = Comparison()
    for key in sorted({key for key, _ in [*referee, *ours]}):
        theirs = sorted(at for other, at in referee if other == key)
        mine = sorted(at for other, at in ours if other == key)
        while theirs and mine:
            difference = mine[0] - theirs[0]
            if abs(difference) <= PAIRED:
                result.differences.append(difference / 1e6)
                theirs.pop(0)
                mine.pop(0)
            elif difference > 0:
                result.missed += 1
                theirs.pop(0)
            else:
                result.made_up += 1
                mine.pop(0)
        result.missed += len(theirs)
        result.made_up += len(mine)
    return result


def main() -> int:
    """Print the figures; exit status 1 where the target is missed."""
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = run(changes, Path(folder))
    print(f"{changes} changes in {time.monotonic() - began:.0f} s; |ours − referee's| in ms")
    print(f"{'':26}{'count':>7}{'missed':>8}{'made up':>9}{'p50':>8}{'p99':>8}{'max':>8}{'≤ 10 ms':>9}")
    for name, result in results:
        figures = "".join(f"{result.quantile(q):8.2f}" for q in (0.5, 0.99, 1.0))
        counts = f"{len(result.differences):7}{result.missed:8}{result.made_up:9}"
        print(f"{name:26}{counts}{figures}{result.share():9.1%}  {'' if result.met() else 'TARGET MISSED'}")
    return 0 if all(result.met() for _, result in results) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        client(sys.argv[2])
    else:
        sys.exit(main())
