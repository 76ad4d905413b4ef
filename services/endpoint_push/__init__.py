"""A control plane that pushes the Ready servers to gRPC clients over xDS. Plain gRPC: no telemetry code.

Aggregated discovery, state of the world: LDS, RDS, CDS, EDS, as far as gRPC's own xDS client needs them.
"""
