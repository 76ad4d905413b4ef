"""The services under study. Plain gRPC programs: no telemetry code lives here."""
