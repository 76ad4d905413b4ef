"""OpenTelemetry instrumentor for gRPC clients and servers behind a load-balancing policy.

It records which server answered each RPC, every resolver update and every subchannel state, and the duration
histograms of the stable semantic conventions. It complements opentelemetry-instrumentation-grpc, which makes
the RPC spans.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grpc_lb_instrumentor.instrumentor import GrpcLbInstrumentor

__all__ = ["GrpcLbInstrumentor"]


def __getattr__(name: str) -> object:
    # Imported on first use: the DNS tap's process imports this package too, and needs neither gRPC nor
    # OpenTelemetry.
    if name == "GrpcLbInstrumentor":
        from grpc_lb_instrumentor.instrumentor import GrpcLbInstrumentor  # noqa: PLC0415  # see above

        return GrpcLbInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
