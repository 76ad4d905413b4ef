"""Where ``lbstudy run`` runs."""

from enum import StrEnum

from lbstudy.cli.failure import UsageError
from lbstudy.run.plan import ClusterChoice

DEFAULT_NAMESPACE = "lbstudy"
"""Where k8s/ puts everything."""


class On(StrEnum):
    """The platforms."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"


def choose(on: On, context: str | None, namespace: str | None) -> ClusterChoice | None:
    """The cluster that the options name; None: this machine. Raises UsageError where they contradict."""
    if on is On.KUBERNETES:
        return ClusterChoice(context, namespace or DEFAULT_NAMESPACE)
    if context is not None or namespace is not None:
        raise UsageError("--context and --namespace go with --on kubernetes")
    return None
