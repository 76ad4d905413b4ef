"""The scenario of a sweep: up by some servers and down again, each time at another phase of the cooldown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lbstudy.config.base import Origin
from lbstudy.config.fault import MAX_DURATION
from lbstudy.config.load import parse_document
from lbstudy.config.scenario import Scenario
from lbstudy.model.parameters import AGE_JITTER, Parameters

LEAD: Final = 5.0
"""s of load before the first change."""
_MARGIN: Final = 1.0
"""s that a change is watched beyond what the model says can still happen."""
_NAME: Final = 38


@dataclass(frozen=True, slots=True)
class SweepShape:
    """What a sweep is made of."""

    changes: int = 20  # scale-ups; as many scale-downs
    servers: int = 3  # before a scale-up
    added: int = 1  # by each
    clients: int = 10
    rate: float = 10.0  # RPC/s of each


class TooLongError(ValueError):
    """A sweep would last longer than a scenario may."""


def sweep_scenario(name: str, parameters: Parameters, shape: SweepShape, seed: int) -> Scenario:
    """Plan a sweep of a setting.

    A scale-up is watched until the model says that nothing more can happen: DNS's delay, a minimum interval,
    a connection's age. Then the added servers go. The removal's GOAWAY makes each client that is not in its
    cooldown resolve, so the next scale-up comes after the drain wait and a share of the minimum interval:
    one of ``changes`` strata of [0, 1) each, in random order, uniform within (stratified sampling).

    Raises:
        TooLongError: the sweep would last more than a day.
    """
    rng = np.random.default_rng(seed)
    phases = (rng.permutation(shape.changes) + rng.random(shape.changes)) / shape.changes
    age = parameters.max_age * (1 + AGE_JITTER) if parameters.ages else 0.0
    watched = parameters.ready + parameters.propagation + parameters.min_interval + age + _MARGIN
    steps = [(0.0, shape.servers)]
    at = LEAD
    for phase in phases:
        steps.append((at, shape.servers + shape.added))
        steps.append((at + watched, shape.servers))
        at += watched + parameters.drain_wait + float(phase) * parameters.min_interval + _MARGIN
    duration = at + parameters.min_interval
    if not duration <= MAX_DURATION:
        raise TooLongError(
            f"the sweep would last {duration / 3600:.1f} h, longer than a scenario may"
            f" ({MAX_DURATION / 3600:g} h)"
        )
    return parse_document(
        Scenario, Origin(Path(), _text(name, parameters, shape, steps, duration)), "the sweep"
    )


def _text(
    name: str, parameters: Parameters, shape: SweepShape, steps: list[tuple[float, int]], duration: float
) -> str:
    description = (
        f"{shape.servers} servers, {shape.changes} times up by {shape.added} and down again, at spread phases"
    )
    lines = [
        f'name = "{f"sweep-{name}"[:_NAME].rstrip("-")}"',
        f'description = "{description}"',
        f"duration = {duration:.3f}",
        "[load]",
        f"clients = {shape.clients}",
        f"rate = {shape.rate:g}",
        f"timeout = {parameters.timeout:g}",
        "[server]",
        f"work = {parameters.work:g}",
        "[dns]",
        f"propagation = {parameters.propagation:g}",
        *(f"[[step]]\nat = {at:.3f}\nservers = {servers}" for at, servers in steps),
    ]
    return "\n".join(lines) + "\n"
