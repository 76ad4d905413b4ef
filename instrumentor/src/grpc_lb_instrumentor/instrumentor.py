"""The instrumentor: what opentelemetry-instrument, or an application, switches on and off."""

# ruff: noqa: ANN401  # the base class's keyword arguments are open

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery import DiscoveryWatch
from grpc_lb_instrumentor.discovery.telemetry import DiscoveryTelemetry
from grpc_lb_instrumentor.push import PushWatch
from grpc_lb_instrumentor.settings import Settings

if TYPE_CHECKING:
    from grpc_lb_instrumentor.channels import Channels
    from grpc_lb_instrumentor.server.servers import Servers


class GrpcLbInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """Instruments all gRPC channels and servers of this process that are made from now on.

    Found by ``opentelemetry-instrument`` through its entry point. By hand::

        GrpcLbInstrumentor().instrument()

    ``instrument`` takes ``tracer_provider`` and ``meter_provider``; the global ones are the default. It
    may come before or after opentelemetry-instrumentation-grpc's instrumentors.
    """

    _watch: DiscoveryWatch | None = None
    _channels: "Channels | None" = None
    _servers: "Servers | None" = None
    _push: PushWatch | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Tell with which versions of grpcio this works."""
        return ("grpcio >= 1.80, < 2",)

    def _instrument(self, **kwargs: Any) -> None:
        settings = Settings.from_environment()
        if settings.disabled:
            return
        tracer_provider = kwargs.get("tracer_provider") or trace.get_tracer_provider()
        meter_provider = kwargs.get("meter_provider") or metrics.get_meter_provider()
        meter = meter_provider.get_meter(names.SCOPE)

        discovery = DiscoveryTelemetry(tracer_provider, meter_provider)
        self._watch = DiscoveryWatch(
            discovery.update,
            discovery.subchannel,
            resolver=settings.resolver,
            subchannels=settings.subchannels,
        )
        # Not before: the watch sets what gRPC reads when it is imported.
        from grpc_lb_instrumentor.channels import Channels  # noqa: PLC0415  # see above
        from grpc_lb_instrumentor.server.servers import Servers  # noqa: PLC0415  # see above

        self._channels = Channels(self._watch, settings, meter)
        self._channels.install()
        self._servers = Servers(settings, meter, tracer_provider)
        self._servers.install()
        self._push = PushWatch(tracer_provider, meter_provider)
        self._push.install()

    def _uninstrument(self, **_: Any) -> None:
        if self._channels is not None:
            self._channels.remove()
        if self._servers is not None:
            self._servers.remove()
        if self._push is not None:
            self._push.remove()
        if self._watch is not None:
            self._watch.close()
        self._channels = self._servers = self._push = self._watch = None
