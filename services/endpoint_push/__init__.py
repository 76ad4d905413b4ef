"""A control plane that pushes the Ready servers to gRPC clients over xDS. Plain gRPC, without telemetry.

It implements aggregated discovery, state of the world (LDS, RDS, CDS, EDS), as far as gRPC's own xDS client
needs it.
"""
