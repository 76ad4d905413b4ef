"""``lbstudy sweep``: measures many changes with one setting here, and compares them with the model."""

import secrets
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli import options
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, default_folder, replacing
from lbstudy.cli.model_options import Seed, SettingName
from lbstudy.cli.options import AsJson, DryRun, Plain
from lbstudy.cli.perform import choose_view, perform
from lbstudy.cli.plan_text import plan_as_json, plan_as_text
from lbstudy.cli.trials import heed_grpc
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.limits import refusal, unmodelled, unmodelled_load
from lbstudy.model.parameters import Parameters
from lbstudy.result import figures
from lbstudy.run.plan import RunPlan
from lbstudy.sweep.kinds import ChangeOf
from lbstudy.sweep.model import SweepResult
from lbstudy.sweep.plan import SweepShape, TooLongError, sweep_scenario
from lbstudy.venues.local import Local

app = new_command()


@app.command(
    epilog=examples(
        "lbstudy sweep max-age",
        "lbstudy sweep ./mine.toml --changes 40 --clients 20",
        "lbstudy sweep stock --change kill --dry-run",
    )
)
def sweep(
    context: typer.Context,
    setting: SettingName,
    changes: Annotated[
        int, typer.Option("--changes", min=2, max=400, help="How many changes; each is at another phase.")
    ] = 20,
    change: Annotated[
        ChangeOf,
        typer.Option(
            "--change",
            help="scale: servers are added, then removed. kill: the oldest server is killed, and replaced.",
        ),
    ] = ChangeOf.SCALE,
    servers: Annotated[int, typer.Option("--servers", min=1, max=100, help="Servers before a change.")] = 3,
    added: Annotated[
        int, typer.Option("--added", min=1, max=100, help="Servers that each scale-up adds.")
    ] = 1,
    clients: Annotated[
        int,
        typer.Option(
            "--clients", min=1, max=100, help="gRPC channels. Each gives one value for each change."
        ),
    ] = 10,
    *,
    rate: Annotated[float, typer.Option("--rate", min=0.1, max=1000, help="RPC/s of each client.")] = 10.0,
    scenario: Annotated[
        str,
        options.scenario("The scenario with the servers' work and DNS's delay."),
    ] = "scale",
    out: Annotated[
        Path | None,
        options.out("The run's folder, new or empty."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    dry_run: DryRun = False,
    plain: Plain = False,
) -> int:
    """Measure many changes at spread phases, and compare the distribution with the model's.

    The model has the rules of gRPC's C core, so servers and clients are in Python (the subject greeter).

    The run's folder gets sweep.html and sweep.json beside the usual report. The verdict says whether the
    model's median and 95 % quantile lie within 10 %, and where they do not, how far off they are.
    """
    shape = SweepShape(
        change=change, changes=changes, servers=servers, added=added, clients=clients, rate=rate
    )
    chosen = load_setting(setting)
    if reason := refusal(chosen):
        raise UsageError(
            f"setting {chosen.name}: {reason}; so there is no prediction to compare a sweep with"
        )
    surroundings = load_scenario(scenario)
    if left_out := [*unmodelled(chosen), *unmodelled_load(surroundings)]:
        say(f"setting {chosen.name}: not in the model: {'; '.join(left_out)}")
    parameters = replace(Parameters.of(chosen, surroundings), rate=rate)
    try:
        timeline = sweep_scenario(chosen.name, parameters, shape, seed)
    except TooLongError as error:
        raise UsageError(f"setting {chosen.name}: {error}") from error
    plan = RunPlan(
        scenario=timeline,
        settings=[chosen],
        run_dir=out or default_folder(timeline.name, datetime.now().astimezone()),
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{timeline.name}-{secrets.token_hex(3)}",
        seed=seed,
        command=str(context.obj),
        venue=Local(),
    )
    heed_grpc(plan.settings)
    if dry_run:
        typer.echo(plan_as_json(plan) if as_json else plan_as_text(plan))
        return ExitCode.OK
    say(f"a sweep of {timeline.duration / 60:.1f} min: {timeline.description}")
    folder = RunFolder(plan.run_dir)
    result = perform(plan, folder, choose_view(plain=plain))
    # Imported here, because they import DuckDB and numpy.
    from lbstudy.cli.results import exit_code  # noqa: PLC0415
    from lbstudy.run.plan import STORE_FILE  # noqa: PLC0415
    from lbstudy.store.source import StoreSource  # noqa: PLC0415
    from lbstudy.sweep.build import build_sweep  # noqa: PLC0415

    with closing(StoreSource(folder.path / STORE_FILE)) as source:
        (lane,) = source.lanes()
        measured = build_sweep(lane, chosen, parameters, shape, source.provenance())
    _write(measured, folder.path)
    if as_json:
        typer.echo(measured.model_dump_json(indent=2))
    else:
        _print(measured, Console())
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
        table.add_column(heading, overflow="fold", min_width=max(map(len, heading.split()), default=0))
    for quantity in sweep.quantities:
        for number, quantile in enumerate(quantity.quantiles):
            table.add_row(
                "" if number else quantity.name,
                "median" if quantile.share == 0.5 else "95 %",
                figures.delay(quantile.measured),
                f"{figures.delay(quantile.interval.low)} to {figures.delay(quantile.interval.high)}",
                figures.delay(quantile.model),
                figures.percent(quantile.off),
            )
    console.print(table)
    for quantity in sweep.quantities:
        console.print(f"{quantity.name}: {quantity.verdict}")
    for count in sweep.counts:
        console.print(
            f"{count.name} of a client: {count.measured:.1f} measured, {count.model:.1f} in the model"
        )
