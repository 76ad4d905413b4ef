"""Scaling: whether an autoscaled service adjusts to its load; see ``relief``, ``busyness`` and ``waste``.

*Failed* RPCs did not end with OK; *late* ones did, but took longer than the latency target. The autoscaler's
own view is the mean by which it decided, at each of its decisions.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.busyness import busyness
from lbstudy.measures.codes import OK
from lbstudy.measures.relief import busier, is_in_time, later, meanwhile, relief, watched_until
from lbstudy.measures.waste import pod_seconds, wasted
from lbstudy.observation.known import Unseen
from lbstudy.observation.records import Lane
from lbstudy.result.model import NotObserved, Relief, ScaleDecision, Scaling

Floats = NDArray[np.float64]

BY: Final = "the study’s own loop, with the algorithm of Kubernetes’ HorizontalPodAutoscaler"
_NOBODY: Final = NotObserved(
    why="the servers tell nobody how busy they are",
    needs="servers that take {concurrency} and {control_address}, as the greeter’s",
)


def scaling(lane: Lane) -> Scaling | None:
    """Return how the setting adjusted to its load; None if there was no autoscaler."""
    aims = lane.aims
    if aims is None:
        return None
    until = watched_until(lane)
    busy = busyness(lane)
    is_timed = not isinstance(lane.known.latency, Unseen)
    in_time = (
        relief(later(lane, aims.latency), aims.latency, until)
        if is_timed
        else Relief(target=aims.latency, breach=None, relief=None, missed=None)
    )
    hottest, mean = (
        relief(busier(utilization, aims.target, aims.tolerance), aims.target, until)
        for utilization in (busy.hottest, busy.mean)
    )
    failed = int((lane.rpcs.code != OK).sum())
    return Scaling(
        by=BY,
        latency=in_time,
        hottest=hottest,
        mean=mean,
        meanwhile=meanwhile(lane, in_time, until) if is_timed else None,
        failed=failed if is_timed else None,
        late=int((~is_in_time(lane, aims.latency)).sum()) - failed if is_timed else None,
        pod_seconds=pod_seconds(lane),
        wasted=wasted(lane),
        most=max((command.servers for command in lane.commands), default=0),
        at=[float(second + 1) for second in range(len(busy.mean))],
        mean_utilisation=_optional(busy.mean),
        hottest_utilisation=_optional(busy.hottest),
        decisions=[
            ScaleDecision(
                at=decision.at,
                current=decision.current,
                wished=decision.wished,
                desired=decision.desired,
                utilisation=decision.utilization,
                unready=decision.unready,
                missing=decision.missing,
            )
            for decision in lane.decisions
        ],
        not_observed=None if lane.busy is not None else _NOBODY,
    )


def _optional(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
