"""``lbstudy sweep``: many changes of one setting, measured here, against the model."""

import secrets
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, default_folder, replacing
from lbstudy.cli.plan_text import plan_as_json, plan_as_text
from lbstudy.cli.run import choose_view, perform
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.limits import refusal, unmodelled
from lbstudy.model.parameters import Parameters
from lbstudy.report import figures
from lbstudy.run.plan import RunPlan
from lbstudy.sweep.model import SweepResult
from lbstudy.sweep.plan import SweepShape, TooLongError, sweep_scenario


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """The command's options."""

    setting: str
    scenario: str
    shape: SweepShape
    out: Path | None
    seed: int
    as_json: bool
    dry_run: bool
    plain: bool
    command: str


def sweep_setting(request: SweepRequest) -> int:
    """Sweep, compare, print; returns the exit code.

    Raises:
        ConfigError, UsageError: for files and options that cannot be used.
        PlatformError, StoreError, OSError: for what went wrong in the run.
    """
    setting = load_setting(request.setting)
    if reason := refusal(setting):
        raise UsageError(f"setting {setting.name}: {reason}; there is nothing to hold a sweep against")
    if left_out := unmodelled(setting):
        say(f"setting {setting.name}: not in the model: {'; '.join(left_out)}")
    parameters = replace(Parameters.of(setting, load_scenario(request.scenario)), rate=request.shape.rate)
    try:
        scenario = sweep_scenario(setting.name, parameters, request.shape, request.seed)
    except TooLongError as error:
        raise UsageError(f"setting {setting.name}: {error}") from error
    plan = RunPlan(
        scenario=scenario,
        settings=[setting],
        run_dir=request.out or default_folder(scenario.name, datetime.now().astimezone()),
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{scenario.name}-{secrets.token_hex(3)}",
        seed=request.seed,
        command=request.command,
    )
    if request.dry_run:
        typer.echo(plan_as_json(plan) if request.as_json else plan_as_text(plan))
        return ExitCode.OK
    say(f"a sweep of {scenario.duration / 60:.1f} min: {scenario.description}")
    folder = RunFolder(plan.run_dir)
    result = perform(plan, folder, choose_view(plain=request.plain))
    # Only here: these bring in DuckDB and SciPy.
    from lbstudy.cli.results import exit_code  # noqa: PLC0415
    from lbstudy.run.plan import STORE_FILE  # noqa: PLC0415
    from lbstudy.store.source import StoreSource  # noqa: PLC0415
    from lbstudy.sweep.build import build_sweep  # noqa: PLC0415

    with closing(StoreSource(folder.path / STORE_FILE)) as source:
        (lane,) = source.lanes()
        sweep = build_sweep(lane, setting, parameters, request.shape, source.provenance())
    _write(sweep, folder.path)
    if request.as_json:
        typer.echo(sweep.model_dump_json(indent=2))
    else:
        _print(sweep, Console())
        typer.echo(f"\nPage: {folder.path / 'sweep.html'}")
    return exit_code(result)


def _write(sweep: SweepResult, folder: Path) -> None:
    from lbstudy.report.sweep import render_sweep  # noqa: PLC0415 - this brings in the templates

    with replacing(folder / "sweep.json") as partial:
        partial.write_text(sweep.model_dump_json(indent=1) + "\n", encoding="utf-8")
    with replacing(folder / "sweep.html") as partial:
        partial.write_text(render_sweep(sweep), encoding="utf-8")


def _print(sweep: SweepResult, console: Console) -> None:
    console.print(Text(sweep.verdict, style="bold" if sweep.agrees else "bold yellow"))
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in (sweep.setting, "", "measured", "95 % interval", "model", "off by"):
        table.add_column(heading)
    for quantity in sweep.quantities:
        for number, one in enumerate(quantity.quantiles):
            table.add_row(
                "" if number else quantity.name,
                "median" if one.share == 0.5 else "95 %",
                figures.delay(one.measured),
                f"{figures.delay(one.interval.low)} to {figures.delay(one.interval.high)}",
                figures.delay(one.model),
                figures.percent(one.off),
            )
    console.print(table)
    for quantity in sweep.quantities:
        console.print(f"{quantity.name}: {quantity.verdict}")
    for count in sweep.counts:
        console.print(
            f"{count.name} of a client: {count.measured:.1f} measured, {count.model:.1f} in the model"
        )
