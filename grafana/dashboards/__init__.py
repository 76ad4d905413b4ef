"""The study's Grafana dashboards as programs: ``python -m grafana.dashboards`` writes grafana/generated."""
