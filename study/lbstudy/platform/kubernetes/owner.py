"""The Lease of a run as the owner of all that the run makes. Pure."""

from dataclasses import dataclass
from typing import Any

from lbstudy.platform.kubernetes import names

Object = dict[str, Any]
"""The API's JSON."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Lease that everything of a run belongs to: what is deleted with it."""

    name: str
    uid: str
    run_id: str

    def metadata(self, name: str, workload: str) -> Object:
        """The metadata of an object of the run."""
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
        """The labels of an object of the run."""
        return {names.RUN: self.run_id, names.WORKLOAD: workload, "app.kubernetes.io/managed-by": "lbstudy"}
