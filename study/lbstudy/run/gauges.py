"""The study's own metrics during a run, for rules and dashboards that compare servers and clients."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from grpc_lb_instrumentor.names import K8S_NAMESPACE_NAME, SERVER_POD
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from lbstudy.direct import NO_PROXY
from lbstudy.observation import attributes
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.traces import names

_EVERY: Final = 1000  # ms
_WITHIN: Final = 2000  # ms to wait for the last export


@dataclass(slots=True)
class ServerGauges:
    """What the gauges show of one setting's servers. A server that is gone remains, as not Ready.

    (Prometheus would otherwise go on showing the last value of its series.)
    """

    wanted: int = 0
    ready: dict[str, bool] = field(default_factory=dict)
    ready_at: dict[str, float] = field(default_factory=dict)  # s since the Unix epoch: the first Ready
    changed: float | None = None  # s since the Unix epoch
    busy: dict[str, float] = field(default_factory=dict)  # utilisation, 0 to 1, of the servers that report it
    # label → the number of pods that have the fault, or on whose way it is
    faults: Counter[str] = field(default_factory=Counter)

    def take(self, change: Change) -> None:
        """Process a change of these servers."""
        match change.kind:
            case ChangeKind.SCALE:
                self.wanted = int(change.detail)
            case ChangeKind.PUBLISHED | ChangeKind.UNPUBLISHED:
                self.changed = change.at / 1e9
            case ChangeKind.FAULT:
                self.faults[change.detail] += 1
            case ChangeKind.LIFTED:
                self.faults[change.detail] -= 1
        if change.pod is None:
            return
        match change.kind:
            case ChangeKind.READY:
                self.ready[change.pod] = True
                self.ready_at.setdefault(change.pod, change.at / 1e9)
            case ChangeKind.CREATED | ChangeKind.UNREADY | ChangeKind.TERMINATING | ChangeKind.EXITED:
                self.ready[change.pod] = False
        if change.kind in {ChangeKind.TERMINATING, ChangeKind.EXITED} and change.pod in self.busy:
            self.busy[change.pod] = 0.0


class Gauges:
    """Exports the gauges each second until ``close``, which exports them once more.

    Args:
        endpoint: of an OTLP/gRPC receiver, "http://127.0.0.1:4317".
        run_id: the run.
        settings: the name of a Deployment of servers → its setting.
        services: the name of a Deployment of servers → ``service.name`` of its pods.
        namespace: where the servers are.
    """

    def __init__(
        self,
        endpoint: str,
        run_id: str,
        settings: Mapping[str, str],
        services: Mapping[str, str],
        namespace: str,
    ) -> None:
        self._settings = settings
        self._services = {setting: services[deployment] for deployment, setting in settings.items()}
        self._servers = {setting: ServerGauges() for setting in settings.values()}
        self._lock = threading.Lock()
        resource = Resource.create(
            {
                attributes.SERVICE_NAME: attributes.SERVICE_STUDY,
                attributes.RUN_ID: run_id,
                K8S_NAMESPACE_NAME: namespace,
            }
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(
                endpoint=endpoint,
                insecure=True,
                channel_options=(NO_PROXY,),  # type: ignore[arg-type]  # typed as texts, which would not do
            ),
            export_interval_millis=_EVERY,
        )
        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("lbstudy.run")
        meter.create_observable_gauge(
            names.METRIC_SERVERS_READY, [self._servers_ready], "{server}", "Servers that are Ready."
        )
        meter.create_observable_gauge(
            names.METRIC_SERVER_READY, [self._server_ready], "", "Whether a server is Ready, 1 or 0."
        )
        meter.create_observable_gauge(
            names.METRIC_SERVER_READY_TIME, [self._server_ready_time], "s", "When a server became Ready."
        )
        meter.create_observable_gauge(
            names.METRIC_SCALE_COMMANDED, [self._commanded], "{server}", "Servers that are wanted."
        )
        meter.create_observable_gauge(
            names.METRIC_CHANGE_TIME, [self._changed], "s", "When a server last entered or left DNS."
        )
        meter.create_observable_gauge(
            names.METRIC_FAULT_ACTIVE, [self._faults], "{fault}", "Whether a fault lasts, 1 or 0."
        )
        meter.create_observable_gauge(
            names.METRIC_SERVER_UTILIZATION, [self._busy], "", "How busy a server is, of its capacity."
        )
        self._is_closed = False

    def changed(self, change: Change) -> None:
        """Note a change that the platform saw."""
        setting = self._settings.get(change.deployment)
        if setting is not None:
            with self._lock:
                self._servers[setting].take(change)

    def busy(self, setting: str, pod: str, utilization: float) -> None:
        """Note how busy a server was since its previous answer."""
        with self._lock:
            self._servers[setting].busy[pod] = utilization

    def close(self) -> None:
        """Export once more, and stop. May be called twice."""
        if not self._is_closed:
            self._is_closed = True
            self._provider.shutdown(timeout_millis=_WITHIN)

    def _servers_ready(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(sum(servers.ready.values()), {attributes.SETTING: setting})
                for setting, servers in self._servers.items()
            ]

    def _server_ready(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(
                    int(is_ready),
                    {
                        attributes.SETTING: setting,
                        SERVER_POD: pod,
                        names.SERVER_SERVICE: self._services[setting],
                    },
                )
                for setting, servers in self._servers.items()
                for pod, is_ready in servers.ready.items()
            ]

    def _server_ready_time(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(at, {attributes.SETTING: setting, SERVER_POD: pod})
                for setting, servers in self._servers.items()
                for pod, at in servers.ready_at.items()
            ]

    def _commanded(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(servers.wanted, {attributes.SETTING: setting})
                for setting, servers in self._servers.items()
            ]

    def _changed(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(servers.changed, {attributes.SETTING: setting})
                for setting, servers in self._servers.items()
                if servers.changed is not None
            ]

    def _busy(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(utilization, {attributes.SETTING: setting, SERVER_POD: pod})
                for setting, servers in self._servers.items()
                for pod, utilization in servers.busy.items()
            ]

    def _faults(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(int(count > 0), {attributes.SETTING: setting, attributes.FAULT: label})
                for setting, servers in self._servers.items()
                for label, count in servers.faults.items()
            ]
