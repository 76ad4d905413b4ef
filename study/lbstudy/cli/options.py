"""The options that several commands have, each declared once."""

from typing import Annotated, Any, Final

import typer

from lbstudy.cli.completion import complete_scenario, complete_setting
from lbstudy.cli.on import DEFAULT_NAMESPACE, On

LARGEST_SEED: Final = 2**31 - 1

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output instead of text.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
WhichOn = Annotated[
    On,
    typer.Option("--on", help="Where: processes on this machine, or pods of a Kubernetes cluster."),
]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="Of the kubeconfig; by default the current one."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help=f"Where [bold]kubectl apply -k k8s[/bold] was applied; by default {DEFAULT_NAMESPACE}.",
    ),
]


# What is said of the following differs from command to command; what may be given does not.


def out(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """``--out DIR``, a ``Path``."""
    return typer.Option("--out", "-o", metavar="DIR", help=text)


def seed(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """``--seed``, an ``int``."""
    return typer.Option("--seed", min=0, max=LARGEST_SEED, help=text)


def scenario(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """``--scenario``, one or several names or files."""
    return typer.Option("--scenario", metavar="NAME|FILE", help=text, autocompletion=complete_scenario)


def setting(text: str) -> Any:  # noqa: ANN401 - as typer.Option
    """``--setting``, several names or files."""
    return typer.Option("--setting", "-s", metavar="NAME|FILE", help=text, autocompletion=complete_setting)


def plain(text: str) -> Any:  # noqa: ANN401 - the same
    """``--plain``, a ``bool``."""
    return typer.Option("--plain", help=text)


Plain = Annotated[bool, plain("Report progress as plain lines, also on a terminal.")]
