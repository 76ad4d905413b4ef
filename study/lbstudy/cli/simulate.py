"""``lbstudy simulate``: the model's answer for a service too large to run here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError
from lbstudy.config import Setting, load_scenario, load_setting
from lbstudy.model.limits import refusal, unmodelled
from lbstudy.model.parameters import Parameters
from lbstudy.model.simulation import Simulation, Size, Spread, run
from lbstudy.report import figures


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """The command's options."""

    settings: Sequence[str]
    scenario: str
    size: Size
    rate: float | None
    seed: int
    as_json: bool


def simulate_settings(request: SimulationRequest) -> int:
    """Simulate and print; returns the exit code. Raises ConfigError, UsageError."""
    scenario = load_scenario(request.scenario)
    settings = [load_setting(name) for name in request.settings]
    asked = [
        (setting, _parameters(setting, request, Parameters.of(setting, scenario))) for setting in settings
    ]
    found = [
        run(setting.name, parameters, request.size, seed=request.seed, not_modelled=unmodelled(setting))
        for setting, parameters in asked
    ]
    if request.as_json:
        listed = ",\n".join(one.model_dump_json(indent=2) for one in found)
        typer.echo(listed if len(found) == 1 else f"[{listed}]")
        return ExitCode.OK
    console = Console()
    for number, one in enumerate(found):
        if number:
            console.print()
        _print(one, console)
    return ExitCode.OK


def _parameters(setting: Setting, request: SimulationRequest, parameters: Parameters) -> Parameters:
    if reason := refusal(setting):
        raise UsageError(f"setting {setting.name}: {reason}; lbstudy advise tells of it")
    return parameters if request.rate is None else replace(parameters, rate=request.rate)


def _print(found: Simulation, console: Console) -> None:
    console.print(
        Text.assemble(
            (found.setting, "bold"),
            f": {figures.count(found.clients)} clients × {figures.count(found.servers)} servers,"
            f" {figures.count(found.added)} added, then all replaced; simulated, not measured",
        )
    )
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    for heading in ("", "median", "95 %", "99 %", "largest", "never"):
        table.add_column(heading)
    for name, spread in (
        ("time to detect", found.detect),
        ("time to discovery", found.discovery),
        ("detect, rolling update", found.replaced),
    ):
        if spread is not None:
            table.add_row(name, *_cells(spread))
    console.print(table)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    for heading in ("a second", "DNS queries", "peak", "new connections", "peak", "refused, peak"):
        table.add_column(heading, justify="left" if heading == "a second" else "right")
    for part in found.traffic:
        table.add_row(
            part.part,
            f"{part.queries_mean:,.0f}",
            figures.count(part.queries_peak),
            f"{part.connections_mean:,.0f}",
            figures.count(part.connections_peak),
            figures.count(part.refused_peak),
        )
    console.print(table)
    if found.not_modelled:
        console.print(Text(f"Not in the model: {'; '.join(found.not_modelled)}.", style="bold yellow"))
    console.print(
        f"{figures.count(found.events)} events in {found.elapsed:.1f} s:"
        f" {found.events / max(found.elapsed, 1e-9):,.0f} a second"
    )


def _cells(spread: Spread) -> list[str]:
    shown = [figures.delay(delay) for delay in (spread.median, spread.p95, spread.p99, spread.largest)]
    return [*shown, figures.percent(spread.never / spread.pairs if spread.pairs else None)]
