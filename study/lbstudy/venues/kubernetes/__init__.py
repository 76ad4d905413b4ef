"""A Kubernetes cluster, with the applied pod templates and the cluster's own Services, DNS and Collector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lbstudy.config.fault_kinds import FAULT_KINDS
from lbstudy.config.scenario import Scenario
from lbstudy.platform.kubernetes.names import NAMESPACE
from lbstudy.run.check import Check
from lbstudy.run.venue import Venue

if TYPE_CHECKING:
    from lbstudy.live.view import View
    from lbstudy.run.plan import RunPlan
    from lbstudy.run.progress import ViewProgress
    from lbstudy.run.session import Session


@dataclass(frozen=True, slots=True)
class Kubernetes(Venue):
    """A cluster and a namespace."""

    context: str | None = None  # the kubeconfig's context; None: the current one
    namespace: str = NAMESPACE

    platform: ClassVar[str] = "kubernetes"
    own_dns: ClassVar[bool] = False
    runs_what_was_applied: ClassVar[bool] = True
    own_collector: ClassVar[str] = "pods send to the cluster's own Collector"
    overhead: ClassVar[float] = 60.0  # images, probes, and reading the run back

    @property
    def options(self) -> Mapping[str, str]:
        """The namespace, and the context if one was chosen."""
        context = {} if self.context is None else {"context": self.context}
        return context | {"namespace": self.namespace}

    @property
    def announced(self) -> str:
        """Which namespace of which cluster."""
        context = self.context or "the kubeconfig's current context"
        return f"On Kubernetes: namespace {self.namespace} of {context}."

    def side_by_side(self, scenarios: Sequence[Scenario]) -> int:  # noqa: ARG002 - whatever the load
        """Return 2: the cluster's capacity is unknown here, and starting a pod takes CPU."""
        return 2

    def obstacles(self, scenario: Scenario) -> list[str]:
        """Return limits of a rolling update and faults of DNS: the Deployment and the cluster decide them."""
        limits = [
            f"scenario {scenario.name}: [[replace]] {limit}: not on a cluster, where the Deployment's"
            f" own limits apply"
            for limit in ("max_surge", "max_unavailable")
            if any(limit in replace.model_fields_set for replace in scenario.replace)
        ]
        if not scenario.dns.is_plain:
            why = "not on a cluster, whose DNS is not the run's: --on local"
            limits.append(f"scenario {scenario.name}: [dns] families, search: {why}")
        return limits + [
            f"scenario {scenario.name}: [[fault]] kind = {kind}: not on a cluster: --on local"
            for kind in dict.fromkeys(fault.kind for fault in scenario.fault)
            if not FAULT_KINDS[kind].on_a_cluster
        ]

    def checks(self) -> list[Check]:
        """Check the local software, the cluster, and what was applied there."""
        from lbstudy.venues.kubernetes.checks import look  # noqa: PLC0415 - brings in the API's client

        return look(self)

    def session(self, plan: "RunPlan", view: "View", progress: "ViewProgress") -> "Session":
        """Prepare one run."""
        from lbstudy.venues.kubernetes.session import ClusterSession  # noqa: PLC0415 - the same

        return ClusterSession(self, plan, view, progress)

    def settled(self) -> "Kubernetes":
        """Return the same venue, with the current context's name if none was chosen."""
        if self.context:
            return self
        from lbstudy.platform.kubernetes.api import current_context  # noqa: PLC0415 - the same

        return replace(self, context=current_context())


def choose(options: Mapping[str, str]) -> Kubernetes:
    """Choose a cluster by ``context`` and ``namespace``. Raises ValueError for any other option."""
    if unknown := options.keys() - {"context", "namespace"}:
        raise ValueError(f"--on kubernetes takes no {', '.join(sorted(unknown))}")
    return Kubernetes(options.get("context"), options.get("namespace", NAMESPACE))
