"""What a run must be allowed to do in its namespace: the list for both the Role and `lbstudy doctor`.

python -m lbstudy.platform.kubernetes.rights > k8s/base/runner.yaml
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Right:
    """What is done with a kind of object, and why."""

    group: str
    resource: str  # "pods", or "pods/exec" for a subresource
    verbs: tuple[str, ...]
    why: str


RIGHTS: Final = (
    Right(
        "coordination.k8s.io",
        "leases",
        ("get", "list", "watch", "create", "patch", "delete"),
        "One run at a time; everything that a run makes is owned by its Lease, and deleted with it.",
    ),
    Right(
        "apps",
        "deployments",
        ("get", "list", "watch", "create", "patch", "delete"),
        "Copies of greeter for each setting: servers, scaled and rolled.",
    ),
    Right(
        "",
        "services",
        ("get", "list", "create"),
        "The Services of those servers; those of telemetry, and of servers by name, are looked up.",
    ),
    Right("", "secrets", ("create",), "Certificates of an encrypted run, made for it and deleted with it."),
    Right(
        "batch", "jobs", ("list", "watch", "create", "delete"), "Copies of client for each setting: the load."
    ),
    Right(
        "",
        "pods",
        ("get", "list", "watch", "create", "patch", "delete"),
        "What becomes of pods; a pod that asks DNS; pods that are told how to start, or killed.",
    ),
    Right(
        "", "pods/status", ("patch",), "Servers by name that are not Ready, by a readiness gate of the run's."
    ),
    Right("", "pods/eviction", ("create",), "Servers that are evicted, as `kubectl drain` does it."),
    Right("", "pods/log", ("get",), "The programs' own counts."),
    Right(
        "",
        "pods/exec",
        ("get", "create"),
        "The pods' clocks; servers that are stopped or killed by a signal.",
    ),
    Right("", "pods/portforward", ("get", "create"), "The way to Collector, Jaeger and Prometheus; faults."),
    Right("", "events", ("list", "watch"), "Why a pod does not start."),
    Right(
        "discovery.k8s.io", "endpointslices", ("list", "watch"), "When a server is published, and withdrawn."
    ),
)

_HEAD: Final = """\
# What `lbstudy run --on kubernetes` needs, in this namespace alone. Whoever may do everything here needs no
# binding; for others:  kubectl -n lbstudy create rolebinding NAME --role lbstudy-runner --user USER
#
# Whoever has this Role may make pods, and so use every ServiceAccount of the namespace: docs/kubernetes.md.
#
# Beyond this namespace it needs nothing. Where it may read nodes and the ConfigMap kube-system/coredns, it
# records them.
#
# Written by `python -m lbstudy.platform.kubernetes.rights`; `lbstudy doctor` checks by it. Change it there.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: lbstudy-runner
rules:
"""


def asked() -> Iterator[tuple[str, str, str, str]]:
    """Yield each right: verb, group, resource, and subresource or ""."""
    for right in RIGHTS:
        resource, _, part = right.resource.partition("/")
        for verb in right.verbs:
            yield verb, right.group, resource, part


def role() -> str:
    """Return the Role as YAML."""
    rules = "".join(
        f"  # {right.why}\n"
        f"  - apiGroups: [{right.group or chr(34) * 2}]\n"
        f"    resources: [{right.resource}]\n"
        f"    verbs: [{', '.join(right.verbs)}]\n"
        for right in RIGHTS
    )
    return _HEAD + rules


if __name__ == "__main__":
    sys.stdout.write(role())
