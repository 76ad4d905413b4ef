"""``lbstudy advise``: what a setting will and will not do, before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli.exit_code import ExitCode
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.advice import Advice, PredictedChange, advise
from lbstudy.report import figures
from lbstudy.result.model import DelaySummary


@dataclass(frozen=True, slots=True)
class AdviceRequest:
    """The command's options."""

    settings: Sequence[str]
    scenario: str
    seed: int
    as_json: bool


def advise_on(request: AdviceRequest) -> int:
    """Print the advice; returns the exit code. Raises ConfigError."""
    scenario = load_scenario(request.scenario)
    settings = [load_setting(name) for name in request.settings]
    given = [advise(setting, scenario, seed=request.seed) for setting in settings]
    if request.as_json:
        listed = ",\n".join(one.model_dump_json(indent=2) for one in given)
        typer.echo(listed if len(given) == 1 else f"[{listed}]")
        return ExitCode.OK
    console = Console()
    for number, one in enumerate(given):
        if number:
            console.print()
        _print(one, console)
    return ExitCode.OK


def _print(advice: Advice, console: Console) -> None:
    console.print(Text.assemble((advice.setting, "bold"), f": {advice.description or advice.policy}"))
    console.print(f"Predicted for scenario {advice.scenario}, clients that have run for long, at any phase:")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    for heading in ("change", "", "median", "95 % within"):
        table.add_column(heading)
    for change in advice.changes:
        for row in _rows(change):
            table.add_row(*row)
    console.print(table)
    for change in advice.changes:
        if change.failed is not None:
            console.print(
                f"  {change.before} → {change.after} servers: about {change.failed:.2g} failed RPCs at the"
                " drain's end"
            )
    cost = advice.cost
    stream = "is told of changes by its process's stream to the control plane, " if cost.streams else ""
    console.print(
        f"Each client {stream}makes {cost.lookups_per_minute:.3g} look-ups ({cost.queries_per_minute:.3g} DNS"
        f" queries) and {cost.connections_per_minute:.3g} connections a minute while nothing changes."
    )
    for statement in advice.statements:
        sign, style = ("!", "bold yellow") if statement.warns else ("•", "")
        console.print(
            Text.assemble((f"{sign} ", style), (f"{statement.topic.value}: ", "bold"), statement.text),
            soft_wrap=False,
        )


def _rows(change: PredictedChange) -> list[tuple[str, str, str, str]]:
    name = f"{change.before} → {change.after} servers"
    if change.detect is None:
        return [(name, "pushed at once", "not predicted", "")]
    if change.discovery is None:
        return [(name, "dropped from the list", *_quantiles(change.detect))]
    return [
        (name, "time to detect", *_quantiles(change.detect)),
        ("", "time to discovery", *_quantiles(change.discovery)),
    ]


def _quantiles(found: DelaySummary) -> tuple[str, str]:
    if found.count and found.censored == found.count:
        return "never, without another trigger", ""
    return figures.delay(found.median), figures.delay(found.p95)
