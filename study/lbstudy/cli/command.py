"""How each command's module declares its command: as a typer application of one command, called ``app``."""

import inspect
from collections.abc import Callable
from typing import Any, Final

import typer

EXIT_CODES: Final = (
    "[bold]Exit codes[/bold]: 0 done; 1 error, or the run's ledger does not close; 2 options or files that"
    " cannot be used; 3 an expectation of the scenario was not met (the report is still written);"
    " 130 interrupted."
)


class _Application(typer.Typer):
    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:  # noqa: ANN401  # typer's
        def declare(function: Any) -> Any:  # noqa: ANN401  # any command's function
            text = options.pop("help", None) or inspect.getdoc(function) or ""
            return typer.Typer.command(self, name, help=unwrapped(text), **options)(function)

        return declare


def new_command() -> typer.Typer:
    """Make the application of a module's command."""
    return _Application(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


def unwrapped(text: str) -> str:
    """Return a docstring with one line a paragraph: typer keeps line ends, and so breaks lines twice."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def examples(*lines: str, after: str = EXIT_CODES) -> str:
    """Format examples, and the text after them, for the end of a command's help."""
    return "\n".join(["[bold]Examples[/bold]", *(f"  {line}" for line in lines), "", after])
