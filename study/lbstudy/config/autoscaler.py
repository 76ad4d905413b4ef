"""``[autoscaler]``: the constants of Kubernetes' HorizontalPodAutoscaler, each with its default.

The defaults are those of the HPA controller's flags
(kubernetes.io/docs/reference/command-line-tools-reference/ kube-controller-manager) and of the field
``behavior`` (kubernetes.io/docs/tasks/run-application/ horizontal-pod-autoscale, "Default behavior") in
Kubernetes 1.34. The defaults for metrics are metrics-server's.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lbstudy.config.base import Int, Seconds, Table
from lbstudy.config.fault import MAX_SERVERS

_PERIOD = 15  # s


class ScalingPolicy(Table):
    """How far the number of servers may change within a period."""

    type: Literal["percent", "pods"] = Field(description='"percent" or "pods": what value counts')
    value: Int = Field(ge=1, le=100_000, description="a whole number from 1 to 100000: pods, or per cent")
    period: Seconds = Field(
        default=_PERIOD,
        gt=0,
        le=1800,
        description="seconds, above 0 and up to 1800: periodSeconds, over which changes are counted",
    )


class Behavior(Table):
    """What limits a change in one direction: ``behavior.scaleUp`` or ``behavior.scaleDown``."""

    stabilization: Seconds = Field(
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: stabilizationWindowSeconds, whose most cautious wish counts",
    )
    select: Literal["max", "min", "disabled"] = Field(
        default="max",
        description='"max", "min" or "disabled": selectPolicy, which of several policies counts',
    )
    policy: Annotated[list[ScalingPolicy], Field(min_length=1, max_length=10)] = Field(
        description="1 to 10 tables with type, value and period"
    )


class Up(Behavior):
    """``behavior.scaleUp``. By default it acts at once, and doubles the pods or adds 4, whichever is more."""

    stabilization: Seconds = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: stabilizationWindowSeconds, whose lowest wish counts",
    )
    policy: Annotated[list[ScalingPolicy], Field(min_length=1, max_length=10)] = Field(
        default=[ScalingPolicy(type="percent", value=100), ScalingPolicy(type="pods", value=4)],
        description="1 to 10 tables with type, value and period",
    )


class Down(Behavior):
    """``behavior.scaleDown``. By default it waits 5 minutes, and may remove all pods above the minimum."""

    stabilization: Seconds = Field(
        default=300.0,
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: stabilizationWindowSeconds, whose highest wish counts",
    )
    policy: Annotated[list[ScalingPolicy], Field(min_length=1, max_length=10)] = Field(
        default=[ScalingPolicy(type="percent", value=100)],
        description="1 to 10 tables with type, value and period",
    )


class Autoscaler(Table):
    """Decides how many servers there are, instead of ``[[step]]``."""

    min_replicas: Int = Field(
        default=1, ge=1, le=MAX_SERVERS, description=f"a whole number from 1 to {MAX_SERVERS}: minReplicas"
    )
    max_replicas: Int = Field(
        ge=1, le=MAX_SERVERS, description=f"a whole number from 1 to {MAX_SERVERS}: maxReplicas"
    )
    target: Seconds = Field(
        default=0.8,
        gt=0,
        le=1,
        description="a number above 0, up to 1: the mean utilisation that is wanted, in whole per cent",
    )
    tolerance: Seconds = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="a number from 0, below 1: a ratio of utilisation to target so near 1 changes nothing",
    )
    sync_period: Seconds = Field(
        default=15.0, ge=0.1, le=3600, description="seconds, from 0.1 to 3600: from one decision to the next"
    )
    metric_window: Seconds = Field(
        default=15.0,
        ge=0.5,
        le=3600,
        description="seconds, from 0.5 to 3600: over which a server's utilisation is taken",
    )
    initial_readiness_delay: Seconds = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: after a start; a pod not Ready since within it was never Ready",
    )
    initialization_period: Seconds = Field(
        default=300.0,
        ge=0,
        le=3600,
        description="seconds, from 0 to 3600: after a start; until a window since Ready, a pod's metric is"
        " passed over",
    )
    latency_target: Seconds = Field(
        default=0.5,
        gt=0,
        le=3600,
        description="seconds, above 0 and up to 3600: an RPC that takes longer is late. The autoscaler does"
        " not know it",
    )
    up: Up = Field(default=Up(), description="a table [autoscaler.up]")
    down: Down = Field(default=Down(), description="a table [autoscaler.down]")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"expected min_replicas to be no more than max_replicas,"
                f" found {self.min_replicas} > {self.max_replicas}"
            )
        return self

    @property
    def target_percent(self) -> int:
        """The target as the HPA has it: ``averageUtilization``, in whole per cent, at least 1."""
        return max(1, round(self.target * 100))
