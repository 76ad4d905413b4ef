"""What a run's objects in the cluster are called, and how they are told from others."""

from typing import Final

RUN: Final = "lbstudy.run.id"
"""The label of everything that a run made."""
WORKLOAD: Final = "app.kubernetes.io/instance"
"""The label with the workload's name, "greeter-stock": it sets a run's pods apart from the applied ones."""
LEASE: Final = "lbstudy-run"
"""The Lease of the run that is on: it owns everything else of it."""
OBSERVER: Final = "lbstudy-observer"
"""The pod that asks DNS."""
SERVER_TEMPLATE: Final = "greeter"
"""The applied Deployment whose pod template the servers have, and the name of its container is "server"."""
CLIENT_TEMPLATE: Final = "client"
"""The applied Deployment whose pod template the clients have, and the name of its container is "client"."""
PUSH_TEMPLATE: Final = "push"
"""The applied Deployment whose pod template control planes have; its container's name is "control-plane"."""
COLLECTOR: Final = "otel-collector"
JAEGER: Final = "jaeger"
PROMETHEUS: Final = "prometheus"
OTLP_PORT: Final = 4317
JAEGER_PORT: Final = 16686
PROMETHEUS_PORT: Final = 9090
