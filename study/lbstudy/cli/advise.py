"""``lbstudy advise``: predicts what a setting will do, without a run."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli import options
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.completion import complete_requirement, complete_setting
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError
from lbstudy.cli.model_options import Seed
from lbstudy.cli.options import AsJson
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.advice import Advice, PredictedChange, PredictedReplacement
from lbstudy.model.advice import advise as advice_on
from lbstudy.result import figures
from lbstudy.result.model import DelaySummary

app = new_command()


@app.command(
    epilog=examples(
        "lbstudy advise max-age",
        "lbstudy advise stock ./mine.toml --scenario ./burst.toml",
        "lbstudy advise max-age --json | jq .changes",
        "lbstudy advise max-age --scenario rolling-update",
        "lbstudy advise --for found-soon > proposed.toml",
        "lbstudy advise --for ./mine.toml max-age push",
    )
)
def advise(
    setting: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SETTING",
            help="Built-in settings' names or the paths of setting files.",
            autocompletion=complete_setting,
            show_default=False,
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        options.scenario(
            "Where the load, the servers' work, DNS's delay, the scale steps and replacements are taken from;"
            " by default scale."
        ),
    ] = None,
    requirement: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="REQUIREMENT",
            help="Propose the cheapest setting that meets this requirement by the model: its file goes"
            " to standard output, the reasons to standard error. With settings: report what the model says of"
            " these instead.",
            autocompletion=complete_requirement,
        ),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Say what a setting will and will not do, without a run.

    The figures come from a model of gRPC's discovery (docs/model.md) and are not measured; lbstudy sweep
    compares them with this machine. The model has the rules of gRPC's C core, which Python uses: other
    languages differ, Java most of all.

    With --for, the exit code is 3 if no setting is proposed, or if a setting that you name does not meet it.
    """
    if requirement is not None:
        if scenario is not None:
            raise UsageError("--scenario does not go with --for: the requirement names its scenarios")
        from lbstudy.cli.advise_for import advise_for  # noqa: PLC0415 - brings in SciPy

        return advise_for(requirement, setting or [], seed=seed, as_json=as_json)
    if not setting:
        raise UsageError(
            "advise: expected a setting, or --for with a requirement (see lbstudy advise --help)"
        )
    chosen = load_scenario(scenario or "scale")
    given = [advice_on(load_setting(name), chosen, seed=seed) for name in setting]
    if as_json:
        listed = ",\n".join(prediction.model_dump_json(indent=2) for prediction in given)
        typer.echo(listed if len(given) == 1 else f"[{listed}]")
        return ExitCode.OK
    console = Console()
    for number, prediction in enumerate(given):
        if number:
            console.print()
        _print(prediction, console, is_autoscaled=chosen.autoscaler is not None)
    return ExitCode.OK


def _print(advice: Advice, console: Console, *, is_autoscaled: bool) -> None:
    console.print(Text.assemble((advice.setting, "bold"), f": {advice.description or advice.policy}"))
    if advice.changes:
        console.print(
            f"Predicted for scenario {advice.scenario}, clients that have run for long, at any phase:"
        )
        _print_changes(advice, console)
    for replacement in advice.replacements:
        _print_replacement(replacement, console)
    if not advice.changes and not advice.replacements:
        console.print(
            f"In scenario {advice.scenario} an autoscaler decides how many servers there are: not predicted."
            if is_autoscaled
            else f"In scenario {advice.scenario} the number of servers never changes."
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


def _print_changes(advice: Advice, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    for heading in ("change", "", "median", "95 % within"):
        table.add_column(heading, overflow="fold", min_width=max(map(len, heading.split()), default=0))
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


def _print_replacement(replacement: PredictedReplacement, console: Console) -> None:
    """Print what replacing all servers costs, or that the model does not know."""
    console.print(f"Predicted for a replacement of all {replacement.servers} servers ({replacement.how}):")
    if replacement.not_modelled:
        console.print(f"  not modelled: {replacement.not_modelled}")
    for kind in replacement.clients:
        console.print(f"  clients {kind.who}: {_known(kind.detect)}")
        console.print(
            f"    about {kind.failed:.2g} failed RPCs of all clients;"
            f" {kind.connections:.3g} new connections and {kind.queries:.3g} DNS queries of each"
        )
        if kind.chance_of_outage > 0:
            console.print(
                f"    {kind.chance_of_outage * 100:.0f} of 100 clients have no server left for a time,"
                f" {kind.outage / kind.chance_of_outage:.2g} s in the mean: their minimum interval is not"
                " over when the last server that they know goes"
            )


def _known(detect: DelaySummary | None) -> str:
    """When a new server is known."""
    if detect is None:
        return "a new server is pushed at once (how soon is not predicted)"
    median, p95 = _quantiles(detect)
    return f"a new server is known after {median} (median){f', 95 % within {p95}' if p95 else ''}"


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


def _quantiles(delays: DelaySummary) -> tuple[str, str]:
    if delays.count and delays.censored == delays.count:
        return "never, without another trigger", ""
    return figures.delay(delays.median), figures.delay(delays.p95)
