"""The study's own metrics while a run goes on, for rules and dashboards that compare servers and clients."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from grpc_lb_instrumentor.names import SERVER_POD
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from lbstudy.facts import names
from lbstudy.observation import attributes
from lbstudy.platform.interface import Change, ChangeKind

_EVERY: Final = 1000  # ms
_WITHIN: Final = 2000  # ms, for the last export


@dataclass(slots=True)
class Servers:
    """What the gauges show of one setting's servers. A server that is gone stays, as not Ready.

    Prometheus would go on showing the last value of a series that just ends.
    """

    wanted: int = 0
    ready: dict[str, bool] = field(default_factory=dict)
    ready_at: dict[str, float] = field(default_factory=dict)  # s since the Unix epoch, the first time
    changed: float | None = None  # s since the Unix epoch
    faults: Counter[str] = field(default_factory=Counter)  # label → on how many pods, or on the way, it is

    def take(self, change: Change) -> None:
        """Take a change of these servers in."""
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


class Gauges:
    """Exports the gauges each second until ``close``, and once more then.

    Args:
        endpoint: of an OTLP/gRPC receiver, "http://127.0.0.1:4317".
        run_id: the run.
        settings: the name of a Deployment of servers → its setting.
    """

    def __init__(self, endpoint: str, run_id: str, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._servers = {setting: Servers() for setting in settings.values()}
        self._lock = threading.Lock()
        resource = Resource.create(
            {attributes.SERVICE_NAME: attributes.SERVICE_STUDY, attributes.RUN_ID: run_id}
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint, insecure=True), export_interval_millis=_EVERY
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
        self._is_closed = False

    def changed(self, change: Change) -> None:
        """The platform saw a change."""
        setting = self._settings.get(change.deployment)
        if setting is not None:
            with self._lock:
                self._servers[setting].take(change)

    def close(self) -> None:
        """Export what there is now, and end. May be called twice."""
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
                Observation(int(is_ready), {attributes.SETTING: setting, SERVER_POD: pod})
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

    def _faults(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                Observation(int(count > 0), {attributes.SETTING: setting, attributes.FAULT: label})
                for setting, servers in self._servers.items()
                for label, count in servers.faults.items()
            ]
