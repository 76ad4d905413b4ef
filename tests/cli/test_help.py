"""Help: on everything, with examples and the exit codes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from lbstudy.cli.app import app

Command = Callable[..., Any]


@pytest.mark.parametrize("command", ["run", "report", "list", "doctor"])
def test_every_command_has_help_with_examples(lbstudy: Command, command: str) -> None:
    done = lbstudy(command, "--help")

    assert (done.code, done.err) == (0, "")
    assert "Examples" in done.out
    assert f"lbstudy {command}" in done.out
    assert done.out == lbstudy(command, "-h").out


def test_the_commands_help_names_the_exit_codes(lbstudy: Command) -> None:
    out = " ".join(lbstudy("--help").out.split())

    for words in ("0 done", "1 error", "2 options or files", "3 an expectation", "130 interrupted"):
        assert words in out


def test_without_a_command_help_is_what_comes(lbstudy: Command) -> None:
    done = lbstudy()

    assert done.code == 0
    assert done.out.strip() == lbstudy("--help").out.strip()


def test_version(lbstudy: Command) -> None:
    assert lbstudy("--version").out.startswith("lbstudy 0.")


@pytest.mark.parametrize("option", ["--json", "--dry-run", "--on", "--context", "--namespace"])
def test_an_option_of_several_commands_is_the_same_in_all_of_them(option: str) -> None:
    group = typer.main.get_command(app)
    told = {
        (tuple(parameter.opts), parameter.help)
        for command in _commands(group)
        for parameter in command.params
        if option in parameter.opts
    }
    assert len(told) == 1


def _commands(group: Any) -> Iterator[Any]:  # noqa: ANN401 - typer brings a click of its own
    for command in getattr(group, "commands", {}).values():
        yield command
        yield from _commands(command)
