"""A service that never saw a run, in the real Collector and Prometheus, and a kube-state-metrics of our own.

orders in namespace shop: plain Python servers with the instrumentor, and clients (checkout in namespace web)
that find them by DNS. orders-a is called from the start. Then orders-b and orders-c are Ready, but the client
does not resolve again, and nobody calls them; orders-b has the instrumentor, of orders-c nothing is heard.
Then orders-c is gone, and another client finds orders-a and orders-b. At last orders-a ends.

Pods export, and Prometheus scrapes, more seldom than Prometheus forgets (5 s): as a person's own do in the
study's stack.
"""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from lbstudy.stack.parts import configuration_folder

from tests.discovery.lab.dns_server import DnsServer
from tests.stack.parts import GUARD, TIED, Stack
from tests.stack.pod import eventually, get

EVERY = 6  # s: between two exports, and two scrapes; above --query.lookback-delta
_UPSTREAM = "grpc_client,grpc_server,grpc_aio_client,grpc_aio_server"
NAME = "orders.shop.svc.cluster.local"
_PROGRAMS = Path(__file__).with_name("programs")
_ADDRESSES = {"orders-a": "127.0.83.1", "orders-b": "127.0.83.2", "orders-c": "127.0.83.3"}


class KubeStateMetrics:
    """GET /metrics, as kube-state-metrics 2 answers it, of the pods that are told to be Ready."""

    def __init__(self) -> None:
        self.ready: dict[str, float] = {}  # pod → since when, s since the Unix epoch
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                body = told._text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(GUARD)

    def _text(self) -> str:
        service = 'namespace="shop",service="orders",uid="u",external_name="",load_balancer_ip=""'
        lines = [
            f'kube_service_info{{{service},cluster_ip="None"}} 1',
            f'kube_deployment_spec_replicas{{namespace="shop",deployment="orders"}} {len(self.ready)}',
        ]
        for pod, since in dict(self.ready).items():
            of = f'namespace="shop",pod="{pod}",uid="{pod}"'
            ip = _ADDRESSES[pod]
            owner = 'created_by_kind="ReplicaSet",created_by_name="orders-6d4b75cb6d"'
            target = f'targetref_kind="Pod",targetref_name="{pod}",targetref_namespace="shop"'
            state = f'ready="true",serving="true",terminating="false",address="{ip}",{target}'
            slices = f'namespace="shop",endpointslice="orders-x7k2p",{state}'
            lines += [
                f'kube_pod_info{{{of},pod_ip="{ip}",host_ip="10.1.1.1",host_network="false",{owner}}} 1',
                f'kube_pod_status_ready{{{of},condition="true"}} 1',
                f"kube_pod_status_ready_time{{{of}}} {since}",
                f"kube_endpointslice_endpoints{{{slices}}} 1",
            ]
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class OwnService:
    """The service, and what Prometheus told of it."""

    stack: Stack
    began: float  # s since the Unix epoch
    ready_at: float = 0.0  # when orders-b became Ready
    called_at: float = 0.0  # when it got its first call, by its own word
    found_at: float = 0.0  # when Prometheus told that both are known; orders-a is Ready until then
    ended: float = 0.0
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """"uncalled", "called" → the alerts that fired once orders-b's was there, and once it was gone."""

    def query(self, expr: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{self.stack.prometheus}/api/v1/query", query=expr)["data"][
            "result"
        ]
        return found

    def firing(self) -> list[dict[str, Any]]:
        """The labels of the alerts that fire."""
        alerts = get(f"{self.stack.prometheus}/api/v1/alerts")["data"]["alerts"]
        return [one["labels"] for one in alerts if one["state"] == "firing"]


class Pods:
    """Processes as pods: with the instrumentor by the environment alone."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._running: list[subprocess.Popen[str]] = []
        self._servers: dict[str, subprocess.Popen[str]] = {}

    def start(
        self, program: str, argument: str, service: str, namespace: str, pod: str
    ) -> subprocess.Popen[str]:
        names = f"k8s.pod.name={pod},k8s.namespace.name={namespace}"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OTEL_SERVICE_NAME": service,
            "OTEL_RESOURCE_ATTRIBUTES": names,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._stack.otlp_grpc,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_METRIC_EXPORT_INTERVAL": str(EVERY * 1000),
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": _UPSTREAM,
        }
        instrument = str(Path(sys.executable).with_name("opentelemetry-instrument"))
        command = [instrument, sys.executable, str(_PROGRAMS / program), argument]
        process = subprocess.Popen(
            [sys.executable, "-c", TIED, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def server(self, pod: str, port: int = 0) -> int:
        """Start a server and wait until it listens; returns its port."""
        process = self.start("hello_server.py", f"{_ADDRESSES[pod]}:{port}", "orders", "shop", pod)
        self._servers[pod] = process
        return int(self.said(pod))

    def said(self, pod: str) -> str:
        """The next line of a server."""
        process = self._servers[pod]
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"{pod} ended with {process.wait(GUARD)}"
        return line

    def client(self, pod: str, dns: DnsServer, port: int) -> None:
        target = f"dns://127.0.0.1:{dns.port}/{NAME}:{port}"
        self.start("hello_client.py", target, "checkout", "web", pod)

    def end(self, pod: str) -> None:
        self._servers[pod].terminate()
        self._servers[pod].wait(GUARD)

    def close(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(GUARD)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def configuration(folder: Path, kube_state_metrics: str) -> Path:
    """The repository's own, with a scrape of kube-state-metrics, and alerts that do not wait for minutes."""
    files = folder / "files"
    for part in ("prometheus", "otel-collector", "jaeger", "grafana"):
        shutil.copytree(configuration_folder() / part, files / part)
    path = files / "prometheus" / "prometheus.yaml"
    read: dict[str, Any] = yaml.safe_load(path.read_text())
    scrape = {
        "job_name": "kube-state-metrics",
        "honor_labels": True,
        "scrape_interval": f"{EVERY}s",
        "static_configs": [{"targets": [kube_state_metrics]}],
    }
    path.write_text(yaml.safe_dump(read | {"scrape_configs": [scrape]}))
    alerts = files / "prometheus" / "rules" / "alerts.yaml"
    text, changed = re.subn(r"for: \d+m\n", "for: 3s\n", alerts.read_text())
    assert changed
    alerts.write_text(text)
    return files


def play(own: OwnService, pods: Pods, kube: KubeStateMetrics, dns: DnsServer) -> None:
    """What happens to the service, each step once Prometheus knows of the one before."""
    dns.set(NAME, _ADDRESSES["orders-a"])
    port = pods.server("orders-a")
    kube.ready["orders-a"] = own.began
    pods.client("checkout-1", dns, port)
    _until(own, lambda: own.query("lane:first_rpc:time_seconds") and own.query("lane:rpc_answered:rate > 0"))

    pods.server("orders-b", port)
    own.ready_at = time.time()
    kube.ready |= {"orders-b": own.ready_at, "orders-c": own.ready_at}
    wanted = {"ReadyServerWithoutTraffic", "ReadyServerWithoutTelemetry", "ResolverUpdateOlderThanLastChange"}
    _until(own, lambda: wanted <= {one["alertname"] for one in own.firing()})
    own.seen["uncalled"] = own.firing()

    del kube.ready["orders-c"]
    dns.set(NAME, _ADDRESSES["orders-a"], _ADDRESSES["orders-b"])
    pods.client("checkout-2", dns, port)
    own.called_at = float(pods.said("orders-b"))
    _until(own, lambda: own.query('server:rpc_answered:rate{server_k8s_pod_name="orders-b"} > 0'))
    gone = {"ReadyServerWithoutTraffic", "ReadyServerWithoutTelemetry"}
    _until(own, lambda: not gone & {one["alertname"] for one in own.firing()})
    own.seen["called"] = own.firing()
    _until(own, lambda: own.query("server:time_to_detect:seconds"))
    own.found_at = time.time()

    del kube.ready["orders-a"]
    dns.set(NAME, _ADDRESSES["orders-b"])
    pods.end("orders-a")
    ended = 'grpc_lb_subchannel_disconnections_total{k8s_namespace_name="web"} > 0'
    _until(own, lambda: own.query(ended))
    # checkout-1 connects to orders-b once gRPC lets it resolve again: 30 s after its first resolution.
    # A rate does not see the connections that a client's first export tells.
    connected = 'grpc_lb_subchannel_connect_duration_seconds_count{k8s_namespace_name="web"}'
    _until(own, lambda: own.query(f"rate({connected}[{4 * EVERY}s]) > 0"))
    own.ended = time.time()


def _until(own: OwnService, look: Callable[[], object]) -> None:
    assert own.query("1")  # Prometheus is there: else what is awaited never comes
    eventually(look)
