"""Writes a control plane's records (endpoint_push) as spans and metrics; elsewhere it does nothing."""

from types import ModuleType
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from wrapt import register_post_import_hook

if TYPE_CHECKING:
    from grpc_lb_instrumentor.push.telemetry import PushTelemetry

_OBSERVED: Final = "endpoint_push.observer"


class PushWatch:
    """Adds itself as an observer when a program imports the control plane, which most never do."""

    def __init__(self, tracer_provider: TracerProvider, meter_provider: MeterProvider) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._telemetry: PushTelemetry | None = None
        self._removed = False

    def install(self) -> None:
        """Observe now, or when the control plane is imported."""
        register_post_import_hook(self._imported, _OBSERVED)

    def remove(self) -> None:
        """Stop observing."""
        self._removed = True
        if self._telemetry is not None:
            self._telemetry.remove()

    def _imported(self, _: ModuleType) -> None:
        if not self._removed:
            from grpc_lb_instrumentor.push.telemetry import PushTelemetry  # noqa: PLC0415  # imports it too

            self._telemetry = PushTelemetry(self._tracer_provider, self._meter_provider)
