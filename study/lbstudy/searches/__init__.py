"""What a person would look for in Prometheus and in Jaeger: queries, searches and links to them. Pure.

The report links to these, the Grafana dashboards are made of them, docs/searches.md shows them, and the tests
ask the real parts.
"""
