"""How soon is a new server found, at each phase of its clients? The model's rules, against measured runs.

``python -m benchmarks.requirements_phases FOLDER --until 10:40`` makes runs, each with its scale-up at
another instant after the clients' begin, and under several copies of each setting side by side: each copy is
a draw.
``python -m benchmarks.requirements_phases FOLDER`` alone asks the model of each setting of each run, with the
instants at which its clients began and its servers were Ready: where among the simulated runs lies the
measured one? If the model is right, a quarter of them lie in each quarter.
"""

import argparse
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
from lbstudy.cli.files import RunFolder
from lbstudy.cli.perform import perform
from lbstudy.compare import plan as planning
from lbstudy.config import Scenario, Setting, load_scenario
from lbstudy.config.phases import PHASES
from lbstudy.config.requirement import HOLDS_IN
from lbstudy.gate.plan import phase
from lbstudy.live.quiet import Quiet
from lbstudy.model.candidates import candidate
from lbstudy.model.client import Client
from lbstudy.model.parameters import Parameters
from lbstudy.model.servers import ServerLife, present
from lbstudy.report.json import read_json
from lbstudy.result.model import SettingResult
from lbstudy.run.plan import RunPlan
from lbstudy.venues.local import Local

UP = """
name = "up"
description = "3 servers, 5 from 1 s on"
duration = 13
[load]
clients = 2
rate = 10
timeout = 2
[server]
work = 0.01
[[step]]
at = 0
servers = 3
[[step]]
at = 1
servers = 5
"""
SPREAD = 15.0
"""s, over which the scale-up is spread: a connection age and a minimum interval."""
SIMULATED = 300
WATCHED = 30.0
"""s, from Ready on, for which the model's clients are followed."""
ASKED = (6.2, 6.3, 6.4, 6.8, 7.4, 8.2)
"""s: what the requirements ask for whose answers were in doubt."""
COPIES = {(10, 5): 3, (8, 5): 2}
"""Age and minimum interval in s → so many side by side."""


def settings() -> list[Setting]:
    """Each copy, under a name of its own."""
    return [
        candidate(age, interval, None, 1).model_copy(update={"name": f"age-{age}-{interval}-{copy}"})
        for (age, interval), copies in COPIES.items()
        for copy in range(1, copies + 1)
    ]


def measure(folder: Path, until: datetime) -> None:
    """Runs until then; one that is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "up.toml").write_text(UP)
    scenario = load_scenario(folder / "up.toml")
    for number in range(1000):
        run = RunFolder(folder / "runs" / f"up-{number + 1}")
        if run.path.exists():
            continue
        if datetime.now().astimezone() + timedelta(seconds=scenario.duration + SPREAD + 15) > until:
            return
        once(run, scenario, number)


def once(run: RunFolder, scenario: Scenario, number: int) -> None:
    """One run; one that fails is told, and left out."""
    shift = phase(number) / PHASES * SPREAD
    plan = RunPlan(
        scenario=planning.shifted(scenario, shift),
        settings=settings(),
        run_dir=run.path,
        run_id=f"{run.path.name}-{secrets.token_hex(3)}",
        seed=number,
        command="benchmarks.requirements_phases",
        venue=Local(),
    )
    try:
        perform(plan, run, Quiet())
    except Exception as error:
        print(f"{run.path.name} failed: {error}", flush=True)
    else:
        print(f"{datetime.now().astimezone():%H:%M:%S} {run.path.name}: +{shift:g} s", flush=True)


def slowest(found: SettingResult) -> float:
    """When the last client had an answer of the last new server, in s from Ready on; inf: not in the run."""
    delays = [
        view.discovery
        for added in found.adaptability.added
        if added.ready is not None
        for view in added.clients
        if view.discovery is not None
    ]
    return max((np.inf if one.seconds is None else one.seconds for one in delays), default=np.nan)


@dataclass(frozen=True)
class Draw:
    """One setting of one run: when its last client had called its last new server, against the model."""

    setting: tuple[int, int]  # age and minimum interval, s
    late: float  # s, the 99 % quantile of its clients' lateness
    measured: float  # s
    share: float  # of the simulated runs that were no slower
    over: float  # s above the 95 % quantile of these


def draws(folder: Path) -> Iterator[Draw]:
    """Of all runs whose ledger closes."""
    for path in sorted(folder.glob("runs/up-*/result.json")):
        result = read_json(path)
        if not result.ledger_closes:
            print(f"{path.parent.name}: its ledger does not close")
            continue
        with duckdb.connect(str(path.parent / "run.duckdb"), read_only=True) as store:
            rows = store.execute(
                "SELECT setting, min(started_s) FROM resolver_updates GROUP BY setting, client_pod, channel"
            ).fetchall()
        for found in result.settings:
            yield drawn(found, [at for name, at in rows if name == found.name])


def drawn(found: SettingResult, begun: Sequence[float]) -> Draw:
    """Ask the model of one setting of one run."""
    age, interval = (int(part) for part in found.name.split("-")[1:3])
    p = Parameters(max_age=age, min_interval=interval, rate=10, work=0.01, timeout=2)
    ready = [added.ready for added in found.adaptability.added if added.ready is not None]
    servers = [*present(3), *(ServerLife(ready=at, published=at + p.propagation) for at in ready)]
    rng = np.random.default_rng(1)
    simulated = np.zeros(SIMULATED)
    for run in range(SIMULATED):
        for at in begun:
            seen = Client(p, servers, rng).run(at, max(ready) + WATCHED)
            simulated[run] = max(
                simulated[run],
                *(seen.answered.get(i, np.inf) - servers[i].ready for i in range(3, len(servers))),
            )
    measured = slowest(found)
    return Draw(
        setting=(age, interval),
        late=found.latency.lateness_p99 or 0.0,
        measured=measured,
        share=float((simulated <= measured).mean()),
        over=measured - float(np.quantile(simulated, HOLDS_IN)),
    )


def judge(folder: Path) -> None:
    """Print where the measured runs lie among the simulated ones."""
    found = list(draws(folder))
    for late in (np.inf, 0.25, 0.1):
        for setting in COPIES:
            chosen = [one for one in found if one.setting == setting and one.late <= late]
            if not chosen:
                continue
            quarters = np.histogram([one.share for one in chosen], bins=[0, 0.25, 0.5, 0.75, 1])[0]
            above = sorted(one.over for one in chosen if one.over > 0)
            print(
                f"age {setting[0]} s, interval {setting[1]} s, at most {late:g} s late: {len(chosen)} draws;"
                f" in the quarters of the model {quarters.tolist()}; above its 95 % quantile {len(above)},"
                f" by {[round(one, 2) for one in above]} s"
            )
            times = np.array([one.measured for one in chosen])
            print("   held within", {w: f"{(times <= w).sum()} of {len(times)}" for w in ASKED})


def main() -> None:
    """Read the arguments, and do what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", help="HH:MM, today: make runs")
    given = parser.parse_args()
    if given.until:
        hour, minute = map(int, given.until.split(":"))
        measure(given.folder, datetime.now().astimezone().replace(hour=hour, minute=minute))
    else:
        judge(given.folder)


if __name__ == "__main__":
    main()
