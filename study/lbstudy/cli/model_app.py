"""The commands of the model and their options: what they do is in a module each, imported when called for."""

# Imports inside functions keep `lbstudy --help` quick, as in lbstudy.cli.app.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from lbstudy.cli.completion import complete_scenario, complete_setting

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
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="Where the load, the servers' work and DNS's delay are taken from, and the scale steps.",
        autocompletion=complete_scenario,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output instead of text.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Seeds what is drawn.")]


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
