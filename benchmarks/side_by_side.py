"""How many settings two cores carry side by side before the clients are late.

    python benchmarks/side_by_side.py [--settings 2 4 5 6 9] [--scenario compare]

Runs the scenario under so many copies of the setting max-age, and prints the clients' lateness (sent − due),
how long added servers took to be Ready, and the time that the run took beside its load. Lateness hardly grows
until the cores are full, and then by leaps: `lbstudy compare` runs as many side by side as come before that
(venues.local.PER_CORE). Run it on an otherwise idle machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from lbstudy.config import load_scenario, load_setting
from lbstudy.live.quiet import Quiet
from lbstudy.run.plan import RunPlan
from lbstudy.run.study import run_study
from lbstudy.venues.local import Local


def main() -> None:
    """Print a line for each number of settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=int, nargs="+", default=[2, 4, 5, 6, 9])
    parser.add_argument("--scenario", default="compare")
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load average before: {os.getloadavg()[0]:.2f}")
    for count in options.settings:
        print(measure(options.scenario, count), flush=True)


def measure(name: str, count: int) -> str:
    """One run with so many settings, as a line of figures."""
    scenario, setting = load_scenario(name), load_setting("max-age")
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            scenario=scenario,
            settings=[setting.model_copy(update={"name": f"copy-{i}"}) for i in range(count)],
            run_dir=Path(folder),
            run_id=f"side-by-side-{count}",
            seed=0,
            command="",
            venue=Local(),
        )
        begun = time.monotonic()
        result = run_study(plan, Quiet())
        took = time.monotonic() - begun
    late = [s.latency.lateness_p99 for s in result.settings if s.latency.lateness_p99 is not None]
    ready = [
        added.ready - added.command
        for s in result.settings
        for added in s.adaptability.added
        if added.ready is not None
    ]
    return (
        f"{count} settings: lateness p99 median {statistics.median(late) * 1000:.1f} ms,"
        f" largest {max(late) * 1000:.1f} ms; Ready after {statistics.median(ready):.2f} s;"
        f" {took - scenario.duration:.0f} s beside the load"
    )


if __name__ == "__main__":
    main()
