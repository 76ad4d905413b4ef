"""``lbstudy simulate``: predicts, by the model, what happens to a service too large to run here."""

from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.cli.command import examples, new_command
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError
from lbstudy.cli.model_options import Seed, SettingNames, Surroundings
from lbstudy.cli.options import AsJson
from lbstudy.config import load_scenario, load_setting
from lbstudy.model.limits import refusal, unmodelled, unmodelled_load
from lbstudy.model.parameters import Parameters
from lbstudy.model.simulation import Simulation, Size, Spread, run
from lbstudy.result import figures

MOST_SERVERS: Final = 4000
"""More addresses do not fit into a DNS message (measured: 4000 fit, 4100 do not)."""

app = new_command()


@app.command(
    epilog=examples(
        "lbstudy simulate stock max-age",
        "lbstudy simulate ./mine.toml --clients 500 --servers 40 --minutes 20",
    )
)
def simulate(
    setting: SettingNames,
    clients: Annotated[
        int, typer.Option("--clients", min=1, max=100_000, help="Clients; each is one gRPC channel.")
    ] = 10_000,
    servers: Annotated[
        int, typer.Option("--servers", min=1, max=MOST_SERVERS, help="Servers at the beginning.")
    ] = 1000,
    added: Annotated[
        int | None,
        typer.Option(
            "--added", min=1, max=MOST_SERVERS, help="Servers that the scale-up adds; by default a tenth."
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=1, max=1440, help="Simulated minutes in all.")
    ] = 5.0,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.001, help="RPC/s of each client; by default the scenario's."),
    ] = None,
    scenario: Surroundings = "scale",
    seed: Seed = 0,
    *,
    as_json: AsJson = False,
    no_rolling_update: Annotated[
        bool, typer.Option("--no-rolling-update", help="Leave out the rolling update at the end.")
    ] = False,
) -> int:
    """Simulate a service that is too large to run here: discovery, connections, DNS queries.

    After a fifth of the time servers are added; after three fifths all servers are replaced.
    """
    chosen = load_scenario(scenario)
    size = Size(
        clients=clients,
        servers=servers,
        added=max(1, servers // 10) if added is None else added,
        minutes=minutes,
        rolling_update=not no_rolling_update,
    )
    asked = []
    for name in setting:
        loaded = load_setting(name)
        if reason := refusal(loaded):
            raise UsageError(f"setting {loaded.name}: {reason}; lbstudy advise describes it")
        parameters = Parameters.of(loaded, chosen)
        asked.append((loaded, parameters if rate is None else replace(parameters, rate=rate)))
    simulations = [
        run(
            loaded.name,
            parameters,
            size,
            seed=seed,
            not_modelled=[*unmodelled(loaded), *unmodelled_load(chosen)],
        )
        for loaded, parameters in asked
    ]
    if as_json:
        listed = ",\n".join(simulation.model_dump_json(indent=2) for simulation in simulations)
        typer.echo(listed if len(simulations) == 1 else f"[{listed}]")
        return ExitCode.OK
    console = Console()
    for number, simulation in enumerate(simulations):
        if number:
            console.print()
        _print(simulation, console)
    return ExitCode.OK


def _print(simulation: Simulation, console: Console) -> None:
    console.print(
        Text.assemble(
            (simulation.setting, "bold"),
            f": {figures.count(simulation.clients)} clients × {figures.count(simulation.servers)} servers,"
            f" {figures.count(simulation.added)} added, then all replaced; simulated, not measured",
        )
    )
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    for heading in ("", "median", "95 %", "99 %", "largest", "never"):
        table.add_column(heading, overflow="fold", min_width=max(map(len, heading.split()), default=0))
    for name, spread in (
        ("time to detect", simulation.detect),
        ("time to discovery", simulation.discovery),
        ("detect, rolling update", simulation.replaced),
    ):
        if spread is not None:
            table.add_row(name, *_cells(spread))
    console.print(table)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for heading in ("a second", "DNS queries", "peak", "new connections", "peak", "refused, peak"):
        table.add_column(
            heading,
            justify="left" if heading == "a second" else "right",
            min_width=max(map(len, heading.split())),  # wrapped between words, never cut
        )
    for part in simulation.traffic:
        table.add_row(
            part.part,
            f"{part.queries_mean:,.0f}",
            figures.count(part.queries_peak),
            f"{part.connections_mean:,.0f}",
            figures.count(part.connections_peak),
            figures.count(part.refused_peak),
        )
    console.print(table)
    if simulation.not_modelled:
        console.print(Text(f"Not in the model: {'; '.join(simulation.not_modelled)}.", style="bold yellow"))
    console.print(
        f"{figures.count(simulation.events)} events in {simulation.elapsed:.1f} s:"
        f" {simulation.events / max(simulation.elapsed, 1e-9):,.0f} a second"
    )


def _cells(spread: Spread) -> list[str]:
    shown = [figures.delay(delay) for delay in (spread.median, spread.p95, spread.p99, spread.largest)]
    return [*shown, figures.percent(spread.never / spread.pairs if spread.pairs else None)]
