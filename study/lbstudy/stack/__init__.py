"""Collector, Jaeger, Prometheus and Grafana from binaries on PATH, with the repository's configuration."""
