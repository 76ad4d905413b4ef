"""The effects of autoscaling, in words. It measures nothing."""

from statistics import fmean

from lbstudy.result.model import Scaling, SettingResult
from lbstudy.result.words import time


def scaling_point(setting: SettingResult) -> str:
    """Return how a setting adjusted to its load, without a full stop; "" if there was no autoscaler."""
    scaling = setting.scaling
    if scaling is None:
        return ""
    if scaling.latency.missed is None:
        return "whether the latency target held was not observed"
    if scaling.meanwhile is None or scaling.latency.relief is None:
        return f"the latency target ({time(scaling.latency.target)}) was never breached"
    relief, during = scaling.latency.relief, scaling.meanwhile
    held = (
        f"did not hold again in the {time(relief.censored_after or 0.0)} until the load fell or ended"
        if relief.seconds is None
        else f"held again after {time(relief.seconds)}"
    )
    return (
        f"the latency target ({time(scaling.latency.target)}) was breached at {during.start:.0f} s and"
        f" {held}; meanwhile {during.failed:,} of {during.requests:,} RPCs failed and {during.late:,} were"
        f" late{_views(scaling, during.start, during.end)}"
    )


def _views(scaling: Scaling, start: float, end: float) -> str:
    """Return what the autoscaler saw meanwhile, and how busy the hottest server was."""
    decisions = [decision for decision in scaling.decisions if start <= decision.at <= end]
    seen = [decision.utilisation for decision in decisions if decision.utilisation is not None]
    hottest = [
        value
        for at, value in zip(scaling.at, scaling.hottest_utilisation, strict=True)
        if start < at <= end and value is not None
    ]
    if not seen or not hottest:
        return ""
    return (
        f"; the autoscaler saw {fmean(seen):.0%} in the mean, when the hottest server was at"
        f" {fmean(hottest):.0%} (target {scaling.mean.target:.0%})"
    ).replace("%", " %")
