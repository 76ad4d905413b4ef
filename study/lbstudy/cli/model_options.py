"""Options that several commands of the model share, each declared once."""

from typing import Annotated

import typer

from lbstudy.cli import options
from lbstudy.cli.completion import complete_setting

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
    options.scenario("The scenario with the load, the servers' work, DNS's delay and the scale steps."),
]
Seed = Annotated[int, options.seed("Seed of the random draws.")]
