"""The scenario of a sweep: one kind of change repeated, each time at another phase of the cooldown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lbstudy.config.base import Origin
from lbstudy.config.fault import MAX_DURATION
from lbstudy.config.load import parse_document
from lbstudy.config.scenario import Scenario
from lbstudy.model.parameters import AGE_JITTER, Parameters
from lbstudy.sweep.kinds import ChangeOf

LEAD: Final = 5.0
"""s of load before the first change."""
_MARGIN: Final = 1.0
"""s for which a change is watched after the model says that nothing more can happen."""
_NAME: Final = 38


@dataclass(frozen=True, slots=True)
class SweepShape:
    """The parts of a sweep."""

    change: ChangeOf = ChangeOf.SCALE
    changes: int = 20
    servers: int = 3  # before a change
    added: int = 1  # added by each scale-up
    clients: int = 10
    rate: float = 10.0  # RPC/s of each client


class TooLongError(ValueError):
    """A sweep would last longer than a scenario may."""


def sweep_scenario(name: str, parameters: Parameters, shape: SweepShape, seed: int) -> Scenario:
    """Plan a sweep of a setting.

    A change is watched until the model says that nothing more can happen: DNS's delay, the minimum interval
    (twice after a kill, because the resolution at its connections' end is followed by another), a
    connection's age. Then the servers that a scale-up has added are removed. Their GOAWAY makes each client
    that knew them resolve, or set its timer. So the next change comes after the drain wait and a share of the
    minimum interval. The shares are one of ``changes`` strata of [0, 1) each, in random order, uniform within
    (stratified sampling).

    Raises:
        TooLongError: the sweep would last more than a day.
    """
    rng = np.random.default_rng(seed)
    phases = (rng.permutation(shape.changes) + rng.random(shape.changes)) / shape.changes
    age = parameters.max_age * (1 + AGE_JITTER) if parameters.ages else 0.0
    watched = parameters.ready + parameters.propagation + parameters.min_interval + age + _MARGIN
    if shape.change is ChangeOf.KILL:
        watched += parameters.min_interval
    events, at = [], LEAD
    for phase in phases:
        if shape.change is ChangeOf.SCALE:
            events.append(_step(at, shape.servers + shape.added))
            events.append(_step(at + watched, shape.servers))
            at += parameters.drain_wait
        else:
            events.append(f'[[fault]]\nat = {at:.3f}\nkind = "kill"\nservers = 1')
        at += watched + float(phase) * parameters.min_interval + _MARGIN
    duration = at + parameters.min_interval
    if not duration <= MAX_DURATION:
        raise TooLongError(
            f"the sweep would last {duration / 3600:.1f} h, longer than a scenario may"
            f" ({MAX_DURATION / 3600:g} h)"
        )
    text = _text(name, parameters, shape, [_step(0.0, shape.servers), *events], duration)
    return parse_document(Scenario, Origin(Path(), text), "the sweep")


def _step(at: float, servers: int) -> str:
    return f"[[step]]\nat = {at:.3f}\nservers = {servers}"


def _text(name: str, parameters: Parameters, shape: SweepShape, events: list[str], duration: float) -> str:
    done = f"up by {shape.added} and down again" if shape.change is ChangeOf.SCALE else "one is killed"
    lines = [
        f'name = "{f"sweep-{name}"[:_NAME].rstrip("-")}"',
        f'description = "{shape.servers} servers; {shape.changes} times {done}, at spread phases"',
        f"duration = {duration:.3f}",
        "[load]",
        f"clients = {shape.clients}",
        f"rate = {shape.rate:g}",
        f"timeout = {parameters.timeout:g}",
        "[server]",
        f"work = {parameters.work:g}",
        "[dns]",
        f"propagation = {parameters.propagation:g}",
        *events,
    ]
    return "\n".join(lines) + "\n"
