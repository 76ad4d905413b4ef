"""The instrumentor that opentelemetry-instrument, or an application, switches on and off."""

# ruff: noqa: ANN401  # the base class's keyword arguments are open

# Nothing else of this package is imported here: if an import fails, opentelemetry-instrument must still
# enable the program's other instrumentation.

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped

from grpc_lb_instrumentor import declared, names
from grpc_lb_instrumentor.settings import Options, Settings

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from grpc_lb_instrumentor.channels import Channels
    from grpc_lb_instrumentor.discovery import DiscoveryWatch
    from grpc_lb_instrumentor.push import PushWatch
    from grpc_lb_instrumentor.server.servers import Servers

_logger = logging.getLogger(__name__)

_PROVIDERS = ("tracer_provider", "meter_provider")


class GrpcLbInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """Instruments all gRPC channels and servers that this process makes from now on.

    ``opentelemetry-instrument`` finds it through its entry point. By hand::

        GrpcLbInstrumentor().instrument()

    ``instrument`` takes ``tracer_provider`` and ``meter_provider`` (default: the global ones), and the fields
    of ``Options``. Call it before or after opentelemetry-instrumentation-grpc's instrumentors. It raises
    nothing: what cannot be instrumented is left alone, and a warning says why.
    """

    configuration = Options
    """The options of a configuration file; the SDK checks them."""

    _watch: "DiscoveryWatch | None" = None
    _channels: "Channels | None" = None
    _servers: "Servers | None" = None
    _push: "PushWatch | None" = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the versions of grpcio that this works with."""
        return ("grpcio >= 1.80, < 2",)

    def instrument(self, **kwargs: Any) -> None:
        """Switch on, unless a configuration file's entry has already done so."""
        if self.is_instrumented_by_opentelemetry and declared.in_use():
            return
        super().instrument(**kwargs)

    def _instrument(self, **kwargs: Any) -> None:
        try:
            self._switch_on(kwargs)
        except Exception as error:
            self._uninstrument()
            _logger.warning(
                "gRPC is not instrumented by grpc-lb-instrumentor: %s: %s",
                type(error).__name__,
                error,
                exc_info=_logger.isEnabledFor(logging.DEBUG),
            )

    def _switch_on(self, kwargs: dict[str, Any]) -> None:
        options = {name: value for name, value in kwargs.items() if name not in _PROVIDERS}
        settings = Settings.from_environment().with_options({**declared.read(), **options})
        if settings.disabled:
            return
        tracer_provider = kwargs.get("tracer_provider") or trace.get_tracer_provider()
        meter_provider = kwargs.get("meter_provider") or metrics.get_meter_provider()
        meter = meter_provider.get_meter(names.SCOPE)

        self._watch = _discovery_watch(settings, tracer_provider, meter_provider)
        # Not earlier: the watch sets a variable that gRPC reads when it is imported.
        from grpc_lb_instrumentor.channels import Channels  # noqa: PLC0415  # see above
        from grpc_lb_instrumentor.push import PushWatch  # noqa: PLC0415  # the same
        from grpc_lb_instrumentor.server.servers import Servers  # noqa: PLC0415  # the same

        tracer = tracer_provider.get_tracer(names.SCOPE)
        self._channels = Channels(self._watch, settings, tracer, meter)
        self._channels.install()
        self._servers = Servers(settings, meter, tracer_provider)
        self._servers.install()
        self._push = PushWatch(tracer_provider, meter_provider)
        self._push.install()

    def _uninstrument(self, **_: Any) -> None:
        channels, servers, push, watch = self._channels, self._servers, self._push, self._watch
        self._channels = self._servers = self._push = self._watch = None
        if channels is not None:
            channels.remove()
        if servers is not None:
            servers.remove()
        if push is not None:
            push.remove()
        if watch is not None:
            watch.close()


def _discovery_watch(
    settings: Settings, tracer_provider: "TracerProvider", meter_provider: "MeterProvider"
) -> "DiscoveryWatch | None":
    """Make the watch of resolver updates and subchannels; None if that fails, while all else goes on."""
    try:
        from grpc_lb_instrumentor.discovery import DiscoveryWatch  # noqa: PLC0415  # see the module's comment
        from grpc_lb_instrumentor.discovery.telemetry import DiscoveryTelemetry  # noqa: PLC0415  # as well

        discovery = DiscoveryTelemetry(tracer_provider, meter_provider)
        return DiscoveryWatch(
            discovery.update,
            discovery.subchannel,
            resolver=settings.resolver,
            subchannels=settings.subchannels,
        )
    except Exception as error:  # whatever it is, the program's other telemetry goes on
        _logger.warning("grpc_lb: resolver updates and subchannels are not seen: %r", error)
        return None
