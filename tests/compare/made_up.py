"""Results made by hand: a setting's run is what a test says, and nothing else."""

from collections.abc import Mapping, Sequence

from lbstudy.compare.build import build
from lbstudy.compare.model import ComparedScenario, Comparison
from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.config.phases import PHASES
from lbstudy.result.model import (
    Added,
    ChangeOfServers,
    ClientView,
    Delay,
    Distribution,
    FaultEffects,
    Group,
    Histogram,
    Latency,
    Ledger,
    Phase,
    PhaseDistribution,
    Price,
    Quantiles,
    Result,
    SettingResult,
    Wait,
    WaitedFor,
)

from tests.making import results as making

UP, DOWN, END = 10.0, 30.0, 40.0
WATCHED = DOWN - UP


def seconds(value: float | None) -> Delay:
    """A delay; None: not while it was watched."""
    return Delay(censored_after=WATCHED) if value is None else Delay(seconds=value)


def setting(
    name: str,
    *,
    discovery: Sequence[float | None] = (1.0, 2.0, 3.0),
    lost: tuple[int, int] = (0, 0),  # after the scale-up, after the scale-down
    fault: int | None = None,  # lost after a fault at 35 s
    deviation: float = 0.0,
    p99: float | None = 0.05,
    price: Price | None = None,
    lateness: float | None = 0.01,
    closes: bool = True,
) -> SettingResult:
    """One run of a setting: a server is added at 10 s, which as many clients as there are delays discover."""
    views = [
        ClientView(
            client=f"client-{i}",
            stages=[],
            detect=seconds(None if one is None else one / 2),
            discovery=seconds(one),
            waits=[
                Wait(what=WaitedFor.TRIGGER, start=UP, end=UP + (one or WATCHED), open=one is None)
            ],
        )
        for i, one in enumerate(discovery)
    ]  # fmt: skip
    added = Added(
        server="a",
        command=UP,
        ready=UP,
        watched_until=DOWN,
        stages=[],
        clients=views,
        detect=making.NO_DELAY,
        discovery=making.NO_DELAY,
        fair_share=None,
    )
    errors = [0.0] * int(END)
    errors[int(UP)], errors[int(DOWN)] = float(lost[0]), float(lost[1])
    if fault is not None:
        errors[36] = float(fault)
    quantiles = Quantiles(
        count=100, p50=0.01, p90=0.02, p99=p99, largest=p99, sent_p50=0.01, sent_p99=p99
    )  # fmt: skip
    nobody = Group(servers=0, requests=0, failed=0, p50=None, p99=None)
    hung = FaultEffects(
        label="stop on 1 server",
        kind="stop",
        start=35.0,
        end=38.0,
        servers=["a"],
        troubled=nobody,
        untouched=nobody,
        unanswered=nobody,
    )
    failed = sum(lost) + (fault or 0)
    return making.setting(
        name,
        description=f"the setting {name}",
        servers=["a"],
        clients=[view.client for view in views],
        phases=[
            Phase(index=0, start=0, end=UP, label="3 servers", ready=[]),
            Phase(index=1, start=UP, end=DOWN, label="3 → 4 servers", ready=[]),
        ],
        timeline=making.TIMELINE.model_copy(update={"errors": errors}),
        distribution=Distribution(
            total={},
            phases=[
                PhaseDistribution(
                    phase=1,
                    requests=10,
                    fair_share=0.25,
                    servers=[],
                    largest_deviation=deviation,
                    jain=None,
                    chi2_p=None,
                    coverage=None,
                )
            ],
        ),
        latency=Latency(
            all=quantiles,
            steady=quantiles,
            transition=quantiles,
            transition_window=5.0,
            histogram=Histogram(bounds=[], counts=[]),
            offered_rate=10.0,
            achieved_rate=10.0,
            lateness_p50=lateness,
            lateness_p99=lateness,
            lateness_max=lateness,
        ),
        errors=making.ERRORS.model_copy(
            update={"client_by_code": {"OK": 400 - failed, "UNAVAILABLE": failed}}
        ),
        adaptability=making.ADAPTABILITY.model_copy(
            update={
                "changes": [
                    ChangeOfServers(at=UP, before=3, after=4, added=["a"], removed=[], failed=lost[0]),
                    ChangeOfServers(at=DOWN, before=4, after=3, added=[], removed=["a"], failed=lost[1]),
                ],
                "added": [added],
            }
        ),
        faults=[hung] if fault is not None else [],
        price=price,
        ledger=Ledger(entries=[], closes=closes),
    )


def result(run: PlannedRun, settings: Sequence[SettingResult]) -> Result:
    """A run's result."""
    return making.result(
        making.provenance(
            run_id=run.folder,
            scenario=run.scenario,
            command="lbstudy compare",
            started="2026-11-24T15:00:00Z",
            duration=END,
            seed=run.seed,
            machine={"cores": "2"},
            versions={"grpcio": "1.85.0"},
        ),
        settings,
    )


def plan(settings: Sequence[str], repeat: int) -> Plan:
    """All settings side by side in the scenario "compare"."""
    return Plan(
        command="lbstudy compare",
        started="2026-11-24T15:00:00+00:00",
        settings=list(settings),
        scenarios=["compare"],
        repeat=repeat,
        seed=0,
        side_by_side=len(settings),
        runs=[
            PlannedRun(
                folder=f"runs/compare-{number + 1}-1",
                scenario="compare",
                settings=list(settings),
                repeat=number + 1,
                seed=number,
                shift=float(round(PHASES * number / repeat)),
            )
            for number in range(repeat)
        ],
    )


SCENARIO = ComparedScenario(
    name="compare", description="up and down", duration=END, clients=2, rate=10.0
)  # fmt: skip


def comparison(
    runs: Mapping[str, Sequence[SettingResult]], failed: Mapping[int, str] | None = None
) -> Comparison:
    """Of each setting its runs, in the order of the repeats; ``failed``: the repeats that did not finish."""
    repeat = max(len(found) for found in runs.values())
    planned = plan(list(runs), repeat)
    failed = failed or {}
    results = {
        run.folder: result(run, [found[i] for found in runs.values()])
        for i, run in enumerate(planned.runs)
        if i not in failed
    }
    return build(
        planned, [SCENARIO], results, {planned.runs[i].folder: reason for i, reason in failed.items()}
    )
