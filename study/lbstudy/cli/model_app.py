"""The commands of the model and their options: what they do is in a module each, imported when called for."""

# Imports inside functions keep `lbstudy --help` quick, as in lbstudy.cli.app.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli import options
from lbstudy.cli.completion import complete_setting
from lbstudy.cli.options import AsJson, DryRun, Plain
from lbstudy.sweep.kinds import ChangeOf

SettingName = Annotated[
    str,
    typer.Argument(
        metavar="SETTING",
        help="A built-in setting's name or the path of a setting file.",
        autocompletion=complete_setting,
        show_default=False,
    ),
]
SettingNames = Annotated[
    list[str],
    typer.Argument(
        metavar="SETTING...",
        help="Built-in settings' names or the paths of setting files.",
        autocompletion=complete_setting,
        show_default=False,
    ),
]
Surroundings = Annotated[
    str,
    options.scenario("Where the load, the servers' work, DNS's delay and the scale steps are taken from."),
]
Seed = Annotated[int, options.seed("Seeds what is drawn.")]


def register_model_commands(app: typer.Typer, exit_codes: str) -> None:
    """Add the commands to the program's."""
    app.command(
        "advise",
        epilog=_examples(
            exit_codes,
            "lbstudy advise max-age",
            "lbstudy advise stock ./mine.toml --scenario ./burst.toml",
            "lbstudy advise max-age --json | jq .changes",
        ),
    )(_advise)

    app.command(
        "simulate",
        epilog=_examples(
            exit_codes,
            "lbstudy simulate stock max-age",
            "lbstudy simulate ./mine.toml --clients 500 --servers 40 --minutes 20",
        ),
    )(_simulate)

    app.command(
        "sweep",
        epilog=_examples(
            exit_codes,
            "lbstudy sweep max-age",
            "lbstudy sweep ./mine.toml --changes 40 --clients 20",
            "lbstudy sweep stock --change kill --dry-run",
        ),
    )(_sweep)


def _examples(exit_codes: str, *lines: str) -> str:
    return "\n".join(["[bold]Examples[/bold]", *(f"  {line}" for line in lines), "", exit_codes])


def _advise(
    setting: SettingNames, scenario: Surroundings = "scale", seed: Seed = 0, as_json: AsJson = False
) -> int:
    """Say what a setting will and will not do, before anything runs.

    The figures are those of a model of gRPC's discovery (docs/model.md), not measured: lbstudy sweep holds
    them against this machine.
    """
    from lbstudy.cli.advise import AdviceRequest, advise_on

    return advise_on(AdviceRequest(settings=setting, scenario=scenario, seed=seed, as_json=as_json))


def _simulate(
    setting: SettingNames,
    clients: Annotated[int, typer.Option("--clients", min=1, max=100_000, help="gRPC channels.")] = 10_000,
    servers: Annotated[
        int, typer.Option("--servers", min=1, max=4000, help="Servers at the beginning.")
    ] = 1000,
    added: Annotated[
        int | None, typer.Option("--added", min=1, max=4000, help="By the scale-up; by default a tenth.")
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=1, max=1440, help="Simulated minutes, in all.")
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
        bool, typer.Option("--no-rolling-update", help="Leave the rolling update at the end out.")
    ] = False,
) -> int:
    """Simulate a service too large to run here: discovery, connections, DNS queries.

    A fifth of the time nothing changes, then servers are added, then, after three fifths, all are replaced.
    """
    from lbstudy.cli.simulate import SimulationRequest, simulate_settings
    from lbstudy.model.simulation import Size

    return simulate_settings(
        SimulationRequest(
            settings=setting,
            scenario=scenario,
            size=Size(
                clients=clients,
                servers=servers,
                added=max(1, servers // 10) if added is None else added,
                minutes=minutes,
                rolling_update=not no_rolling_update,
            ),
            rate=rate,
            seed=seed,
            as_json=as_json,
        )
    )


def _sweep(
    context: typer.Context,
    setting: SettingName,
    changes: Annotated[
        int, typer.Option("--changes", min=2, max=400, help="How many; each at another phase.")
    ] = 20,
    change: Annotated[
        ChangeOf,
        typer.Option(
            "--change",
            help="scale: up and down again. kill: the oldest server is killed, and replaced.",
        ),
    ] = ChangeOf.SCALE,
    servers: Annotated[int, typer.Option("--servers", min=1, max=100, help="Before a change.")] = 3,
    added: Annotated[int, typer.Option("--added", min=1, max=100, help="By each scale-up.")] = 1,
    clients: Annotated[
        int, typer.Option("--clients", min=1, max=100, help="gRPC channels: so many draws a change.")
    ] = 10,
    *,
    rate: Annotated[float, typer.Option("--rate", min=0.1, max=1000, help="RPC/s of each client.")] = 10.0,
    scenario: Annotated[
        str,
        options.scenario("Where the servers' work and DNS's delay are taken from."),
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
    """Measure many changes at spread phases, and hold the distribution against the model's.

    The run's folder gets sweep.html and sweep.json beside the usual report. The verdict says whether the
    model's median and 95 % quantile lie within 10 %, and where they do not, how far off they are.
    """
    from lbstudy.cli.sweep import SweepRequest, sweep_setting
    from lbstudy.sweep.plan import SweepShape

    return sweep_setting(
        SweepRequest(
            setting=setting,
            scenario=scenario,
            shape=SweepShape(
                change=change, changes=changes, servers=servers, added=added, clients=clients, rate=rate
            ),
            out=out,
            seed=seed,
            as_json=as_json,
            dry_run=dry_run,
            plain=plain,
            command=str(context.obj),
        )
    )
