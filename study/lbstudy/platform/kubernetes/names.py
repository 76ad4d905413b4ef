"""Names, labels and owners of a run's objects in the cluster. No I/O."""

from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]
"""An object as the API's JSON."""

NAMESPACE: Final = "lbstudy"
"""The namespace that k8s/ makes."""
RUN: Final = "lbstudy.run.id"
"""The label of everything that a run made."""
WORKLOAD: Final = "app.kubernetes.io/instance"
"""The label with the workload's name, "greeter-stock": it separates a run's pods from the applied ones."""
LEASE: Final = "lbstudy-run"
"""The Lease of the present run: it owns everything else of the run."""
OBSERVER: Final = "lbstudy-observer"
"""The pod that asks DNS."""
PORT: Final = 50051
"""The port of the applied Deployment's servers."""
SERVER_MODULE: Final = "greeter.server"
"""The program in the applied Deployment's server container."""
SERVER_TEMPLATE: Final = "greeter"
"""The applied Deployment whose pod template servers use; its container's name is "server"."""
CLIENT_TEMPLATE: Final = "client"
"""The applied Deployment whose pod template clients use; its container's name is "client"."""
PUSH_TEMPLATE: Final = "push"
"""The applied Deployment whose pod template control planes use; its container's name is "control-plane"."""
COLLECTOR: Final = "otel-collector"
JAEGER: Final = "jaeger"
PROMETHEUS: Final = "prometheus"
OTLP_PORT: Final = 4317
JAEGER_PORT: Final = 16686
PROMETHEUS_PORT: Final = 9090


@dataclass(frozen=True, slots=True)
class Owner:
    """The Lease that owns everything of a run, which is deleted with it."""

    name: str
    uid: str
    run_id: str

    def metadata(self, name: str, workload: str) -> Object:
        """Return the metadata of an object of the run."""
        return {
            "name": name,
            "labels": self.labels(workload),
            "ownerReferences": [
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "name": self.name,
                    "uid": self.uid,
                    "blockOwnerDeletion": True,
                }
            ],
        }

    def labels(self, workload: str) -> dict[str, str]:
        """Return the labels of an object of the run."""
        return {RUN: self.run_id, WORKLOAD: workload, "app.kubernetes.io/managed-by": "lbstudy"}
