"""Watches how a gRPC client discovers its servers: resolver updates and subchannels.

The tap process imports this package too, so no module here imports gRPC or OpenTelemetry at module level. The
exception is `telemetry`, which is therefore not imported here.
"""

from grpc_lb_instrumentor.discovery.watch import DiscoveryWatch, OpenedChannel

__all__ = ["DiscoveryWatch", "OpenedChannel"]
