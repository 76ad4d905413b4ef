"""Commands that are loaded when they are called.

Importing gRPC, DuckDB, numpy and the renderers takes seconds. The program's help and the shell's completion
load only the commands' names and summaries.
"""

# Any: which module has click's classes depends on typer's version.
# ruff: noqa: ANN401

import importlib
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """Stands for a command in the program's help; loads the command when it is called."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        """Describe the command.

        Args:
            name: what the user types.
            module: the command's module, which has a typer application called ``app``.
            summary: the first paragraph of its help.
        """
        super().__init__(name=name, help=summary)
        self._module = module

    def load(self) -> Any:
        """Import the module and return its command."""
        return typer.main.get_command(importlib.import_module(self._module).app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Begin a call of the loaded command."""
        return self.load().make_context(info_name, args, parent=parent, **extra)


def group_of(commands: Sequence[LazyCommand]) -> type[TyperGroup]:
    """Make the class of a group with these commands, for ``typer.Typer(cls=…)``."""

    class Group(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            for command in commands:
                self.add_command(command)

    return Group
