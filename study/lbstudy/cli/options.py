"""Options that several commands share, each declared once."""

from typing import Annotated, Any, Final

import typer

from lbstudy.cli.completion import complete_scenario, complete_setting
from lbstudy.platform.kubernetes.names import NAMESPACE
from lbstudy.venues import On

LARGEST_SEED: Final = 2**31 - 1

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output instead of text.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
WhichOn = Annotated[
    On,
    typer.Option("--on", help="Where to run: processes on this machine, or pods of a Kubernetes cluster."),
]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="The kubeconfig's context; by default the current one."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help=f"The namespace of [bold]kubectl apply -k k8s[/bold]; by default {NAMESPACE}.",
    ),
]


# The help of the following options differs between commands; their values do not.


def out(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """Return ``--out DIR``, a ``Path``."""
    return typer.Option("--out", "-o", metavar="DIR", help=text)


def seed(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """Return ``--seed``, an ``int``."""
    return typer.Option("--seed", min=0, max=LARGEST_SEED, help=text)


def scenario(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """Return ``--scenario``, one or several names or files."""
    return typer.Option("--scenario", metavar="NAME|FILE", help=text, autocompletion=complete_scenario)


def setting(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """Return ``--setting``, several names or files."""
    return typer.Option("--setting", "-s", metavar="NAME|FILE", help=text, autocompletion=complete_setting)


def plain(text: str) -> Any:  # noqa: ANN401 - the same
    """Return ``--plain``, a ``bool``."""
    return typer.Option("--plain", help=text)


Plain = Annotated[bool, plain("Report progress as plain lines, also on a terminal.")]


SideBySide = Annotated[
    int | None,
    typer.Option(
        "--side-by-side",
        min=1,
        max=100,
        metavar="N",
        help="How many settings run at the same time; by default as many as the cores can run, and 2 on a"
        " cluster.",
    ),
]


def given_options(context: typer.Context) -> dict[str, str]:
    """What was given on the command line: a parameter's name → how the help writes it."""
    return {
        parameter.name: name if (name := parameter.opts[0]).startswith("-") else name.upper()
        for parameter in context.command.params
        if parameter.name is not None
        and (source := context.get_parameter_source(parameter.name)) is not None
        and source.name == "COMMANDLINE"
    }
