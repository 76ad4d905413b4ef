"""Metrics of pods that come and go, on five ways from the Collector into Prometheus.

A pod is a meter provider that exports each second; its only metric counts its exports, so that each sample
in Prometheus tells which export it is of. Printed for each way: until when after its end a pod is still in
the answers of instant queries (a ghost), how far the samples' time stamps are from the exports', how many
exports left no sample, and of how many pods exemplars were kept.

    PATH=…/otelcol,prometheus:$PATH .venv/bin/python benchmarks/ghosts.py [SECONDS]
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

LIFE, EVERY, WATCH = 8.0, 2.0, 20.0  # s: a pod's life, between two pods, after a pod's end
FLAGS = ("--web.enable-otlp-receiver", "--enable-feature=exemplar-storage")


def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Way:
    """From the Collector into Prometheus."""

    name: str
    prometheus: int
    job: str = ""  # of the scrape; "" for OTLP


@dataclass
class Pod:
    """A pod's life, as it knows it itself."""

    name: str
    exports: dict[int, float] = field(default_factory=dict)  # count → when it was read
    ended: float = 0.0

    def start(self, endpoint: str) -> MeterProvider:
        """Begin to export."""

        def count(_: CallbackOptions) -> Iterable[Observation]:
            self.exports[len(self.exports) + 1] = time.time()
            return (Observation(len(self.exports)),)

        provider = MeterProvider(
            [PeriodicExportingMetricReader(OTLPMetricExporter(endpoint, insecure=True), 1000)],
            Resource({"service.name": "pod", "service.instance.id": self.name, "k8s.pod.name": self.name}),
        )
        meter = provider.get_meter("ghosts")
        meter.create_observable_counter("exports", [count])
        with TracerProvider().get_tracer("ghosts").start_as_current_span("rpc") as span:
            meter.create_histogram("duration", "s").record(0.1, context=trace.set_span_in_context(span))
        return provider


def ask(way: Way, path: str, **query: str) -> list[dict[str, object]]:
    """Query one Prometheus."""
    url = f"http://127.0.0.1:{way.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        data = json.load(answer)["data"]
    found: list[dict[str, object]] = data if isinstance(data, list) else data["result"]
    return found


def report(way: Way, pods: list[Pod]) -> str:
    """One line about a way."""
    ghosts, errors, missing = [], [], 0
    job = f',job="{way.job}"' if way.job else ""
    for pod in pods:
        series = f'exports_total{{k8s_pod_name="{pod.name}"{job}}}'
        steps = [step / 2 for step in range(int(WATCH * 2))]
        seen = [after for after in steps if ask(way, "query", query=series, time=f"{pod.ended + after:.3f}")]
        ghosts.append(max(seen, default=0.0))
        found: dict[int, float] = {}
        for one in ask(way, "query", query=f"{series}[10m]", time=f"{time.time():.3f}"):
            for at, value in one["values"]:  # type: ignore[attr-defined]  # JSON
                found.setdefault(int(value), float(at))
        errors += [abs(found[count] - at) for count, at in pod.exports.items() if count in found]
        missing += sum(count not in found for count in pod.exports)
    names = [pod.name for pod in pods]
    exemplars = ask(
        way,
        "query_exemplars",
        query=f'duration_seconds_bucket{{k8s_pod_name=~"{"|".join(names)}"{job}}}',
        start=f"{pods[0].ended - 60:.0f}",
        end=f"{time.time():.0f}",
    )
    return (
        f"{way.name:<44} {statistics.median(ghosts):5.1f} {max(ghosts):6.1f}   "
        f"{statistics.median(errors) * 1e3 if errors else float('nan'):7.1f} "
        f"{max(errors, default=float('nan')) * 1e3:8.1f}   "
        f"{missing:4d} of {sum(len(pod.exports) for pod in pods)}   {len(exemplars):3d} of {len(pods)}"
    )


def await_url(url: str) -> None:
    """Wait for an answer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a URL of our own
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


def main(seconds: float) -> None:
    """Measure, and print the table."""
    grpc_port, health, quick, slow, stamped = (port() for _ in range(5))
    short, long, scraping = (port() for _ in range(3))
    ways = [
        Way("OTLP, lookback 5 s", short),
        Way("OTLP, lookback 5 min (default)", long),
        Way("scrape, metric_expiration 3 s", scraping, "quick"),
        Way("scrape, metric_expiration 5 min (default)", scraping, "slow"),
        Way("scrape, 3 s, send_timestamps", scraping, "stamped"),
    ]
    shared = "resource_to_telemetry_conversion: {enabled: true}, enable_open_metrics: true"
    stamps = "send_timestamps: true"
    collector_yaml = f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc_port}"}}}}}}}}
exporters:
  otlp_http/short: {{metrics_endpoint: "http://127.0.0.1:{short}/api/v1/otlp/v1/metrics"}}
  otlp_http/long: {{metrics_endpoint: "http://127.0.0.1:{long}/api/v1/otlp/v1/metrics"}}
  prometheus/quick: {{endpoint: "127.0.0.1:{quick}", metric_expiration: 3s, {shared}}}
  prometheus/slow: {{endpoint: "127.0.0.1:{slow}", {shared}}}
  prometheus/stamped: {{endpoint: "127.0.0.1:{stamped}", metric_expiration: 3s, {stamps}, {shared}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [otlp_http/short, otlp_http/long, prometheus/quick, prometheus/slow, prometheus/stamped]
"""
    otlp = "otlp: {promote_resource_attributes: [k8s.pod.name]}\n"
    scrapes = "".join(
        f"- {{job_name: {job}, honor_labels: false, scrape_interval: 1s, scrape_timeout: 1s, static_configs:"
        f' [{{targets: ["127.0.0.1:{at}"]}}]}}\n'
        for job, at in (("quick", quick), ("slow", slow), ("stamped", stamped))
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "otelcol.yaml").write_text(collector_yaml)
        (folder / "otlp.yaml").write_text(otlp)
        (folder / "scrape.yaml").write_text("scrape_configs:\n" + scrapes)
        commands = [[binary("otelcol-contrib", "otelcol"), "--config", str(folder / "otelcol.yaml")]]
        for at, config, flags in (
            (short, "otlp", ("--query.lookback-delta=5s",)),
            (long, "otlp", ()),
            (scraping, "scrape", ()),
        ):
            listen, data = f"--web.listen-address=127.0.0.1:{at}", f"--storage.tsdb.path={folder / str(at)}"
            commands.append(
                [binary("prometheus"), f"--config.file={folder / config}.yaml", listen, data, *FLAGS, *flags]
            )
        running = []
        try:
            with (folder / "log").open("wb") as log:
                running = [subprocess.Popen(one, stdout=log, stderr=log) for one in commands]
            for at in (short, long, scraping):
                await_url(f"http://127.0.0.1:{at}/-/ready")
            await_url(f"http://127.0.0.1:{health}/")
            pods = churn(f"http://127.0.0.1:{grpc_port}", seconds)
            time.sleep(WATCH)
            print(f"{len(pods)} pods of {LIFE:.0f} s, one each {EVERY:.0f} s, exporting each second")
            print(f"{'':<44} still seen, s   stamp off by, ms   no sample     exemplars")
            print(f"{'way':<44}   p50    max       p50      max")
            for way in ways:
                print(report(way, pods))
        finally:
            for process in running:
                process.terminate()
                process.wait()


def binary(*names: str) -> str:
    """The first of the programs that is on PATH."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"not on PATH: {names[0]}")


def churn(endpoint: str, seconds: float) -> list[Pod]:
    """Let pods come and go; returns those that ended."""
    alive: list[tuple[float, Pod, MeterProvider]] = []
    ended: list[Pod] = []
    began = time.monotonic()
    number = 0
    while alive or time.monotonic() < began + seconds:
        now = time.monotonic()
        if now < began + seconds and now >= began + number * EVERY:
            pod = Pod(f"pod-{os.getpid()}-{number}")
            alive.append((now + LIFE, pod, pod.start(endpoint)))
            number += 1
        for one in [one for one in alive if one[0] <= now]:
            alive.remove(one)
            one[2].shutdown()  # exports a last time
            one[1].ended = time.time()
            ended.append(one[1])
        time.sleep(0.05)
    return ended


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
