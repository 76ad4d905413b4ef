"""Where ``lbstudy run`` runs."""

from enum import StrEnum

DEFAULT_NAMESPACE = "lbstudy"
"""Where k8s/ puts everything."""


class On(StrEnum):
    """The platforms."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"
