"""Queries for Prometheus, searches for Jaeger, and links to them. No I/O.

The report links to them, the Grafana dashboards are made from them, docs/searches.md shows them, and the
tests send them to the real programs.
"""
