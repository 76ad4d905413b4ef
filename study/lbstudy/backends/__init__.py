"""Reads a run back from Jaeger and Prometheus, without access to the run's own store."""
