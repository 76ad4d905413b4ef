"""The runner's own autoscaling loop: measures, decides by the HPA's algorithm, and scales the Deployment."""

import math
from collections.abc import Awaitable, Callable

from lbstudy.autoscaler.decide import Decider, LoopOutcome
from lbstudy.config.autoscaler import Autoscaler
from lbstudy.run.busy import EVERY, BusyWatch
from lbstudy.run.clock import until
from lbstudy.store.rows import DecisionRow


class Autoscaling:
    """Decides for one setting, and scales its servers.

    Args:
        rules: the autoscaler's constants.
        replicas: the present number of servers.
        watch: measures the servers.
        scale: scales the Deployment to so many servers.
    """

    def __init__(
        self,
        rules: Autoscaler,
        replicas: int,
        watch: BusyWatch,
        scale: Callable[[int], Awaitable[None]],
    ) -> None:
        self.rules = rules
        self._replicas = replicas
        self._watch = watch
        self._scale = scale
        self._decider = Decider(rules)

    async def sync(self, now: float) -> None:
        """Decide and scale once. Raises PlatformError if the platform cannot scale."""
        metrics = self._watch.metrics(self.rules.metric_window, now)
        decision = self._decider.sync(now, self._replicas, list(self._watch.pods.values()), metrics)
        self._watch.log.decisions.append(row_of(self._watch.setting, decision, self.rules))
        if decision.desired != self._replicas:
            self._replicas = decision.desired
            await self._scale(decision.desired)


def row_of(setting: str, decision: LoopOutcome, rules: Autoscaler) -> DecisionRow:
    """Return a decision as a row for the store."""
    pods = decision.wish.pods
    return DecisionRow(
        round(decision.at * 1e9),
        setting,
        decision.current,
        decision.wish.replicas,
        decision.desired,
        decision.wish.utilization,
        rules.target_percent,
        len(pods.ready),
        len(pods.unready),
        len(pods.missing),
    )


async def measure(
    watch: BusyWatch,
    autoscaling: Autoscaling | None,
    start_at: float,
    end_at: float,
    now: Callable[[], float],
) -> None:
    """Measure the servers once a second under load, and let the autoscaler decide once each sync period.

    The first decision comes one period after the load's start: before that there is no load to scale for.

    Args:
        watch: measures the servers.
        autoscaling: None if the scenario has no autoscaler.
        start_at: the load's start, s since the Unix epoch.
        end_at: the load's end, s since the Unix epoch.
        now: the pods' clock.
    """
    look_at = start_at
    sync_at = math.inf if autoscaling is None else start_at + autoscaling.rules.sync_period
    while True:
        due = min(look_at, sync_at, end_at)
        await until(due, now)
        at = now()
        await watch.look(at)
        if due >= end_at:
            return
        if autoscaling is not None and sync_at <= due:
            await autoscaling.sync(at)
            sync_at += autoscaling.rules.sync_period
        if look_at <= due:
            look_at = max(look_at + EVERY, at)  # a missed measurement is not made up for
