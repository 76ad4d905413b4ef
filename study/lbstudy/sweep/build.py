"""Makes the result of a sweep from its run."""

from dataclasses import replace
from typing import Final

import numpy as np

from lbstudy.config.setting import Setting
from lbstudy.model.parameters import Parameters
from lbstudy.observation.records import Lane
from lbstudy.result.model import Provenance
from lbstudy.sweep.compare import check
from lbstudy.sweep.draws import measured, predicted
from lbstudy.sweep.model import CountCheck, SweepResult
from lbstudy.sweep.plan import SweepShape

MODEL_CLIENTS: Final = 200
"""For each change; their quantiles' standard error is small beside that of about 10 measured clients."""


def build_sweep(
    lane: Lane,
    setting: Setting,
    parameters: Parameters,
    shape: SweepShape,
    provenance: Provenance,
    *,
    clients: int = MODEL_CLIENTS,
) -> SweepResult:
    """Measure the sweep, predict it, and compare.

    How long a resolution and a connection take depends on the machine: the measured medians are used in the
    model.
    """
    seed = provenance.seed or 0
    measured_draws, found_counts = measured(lane)
    expected, expected_counts = predicted(lane, _on_this_machine(lane, parameters), clients, seed)
    lateness = max((tally.lateness_p99 for tally in lane.client_tallies), default=0.0)
    named = (
        ("time to detect", "from Ready to the resolver update", measured_draws.detect, expected.detect),
        (
            "time to discovery",
            "from Ready to the first RPC answered",
            measured_draws.discovery,
            expected.discovery,
        ),
        (
            "dropped",
            "from a removal's command to the update without it",
            measured_draws.dropped,
            expected.dropped,
        ),
    )
    quantities = [
        quantity
        for name, meaning, of_measured, of_model in named
        if (quantity := check(name, meaning, of_measured, of_model, lateness=lateness, seed=seed))
    ]
    off = [quantity for quantity in quantities if not quantity.agrees]
    return SweepResult(
        setting=setting.name,
        description=setting.description,
        scenario=provenance.scenario_description,
        change=shape.change.value,
        changes=shape.changes,
        clients=shape.clients,
        seed=seed,
        started=provenance.started,
        command=provenance.command,
        verdict=(
            "; ".join(f"{quantity.name}: {quantity.verdict}" for quantity in off)
            if off
            else "The model holds: each median and 95 % quantile lies within 10 % of what was measured"
            if quantities
            else "Nothing was measured"
        ),
        agrees=bool(quantities) and not off,
        quantities=quantities,
        counts=[
            CountCheck(name="look-ups", measured=found_counts.lookups, model=expected_counts.lookups),
            CountCheck(
                name="connections", measured=found_counts.connections, model=expected_counts.connections
            ),
        ],
        setting_toml=setting.toml,
        scenario_toml=provenance.scenario_toml,
    )


def _on_this_machine(lane: Lane, parameters: Parameters) -> Parameters:
    took = [update.ended - update.started for update in lane.updates]
    return replace(parameters, lookup=float(np.median(took))) if took else parameters
