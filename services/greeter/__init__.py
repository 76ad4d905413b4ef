"""The services under study. Plain gRPC programs, without telemetry."""
