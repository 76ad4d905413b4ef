"""Help: on everything, with examples and the exit codes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lbstudy.cli.app import COMMANDS
from lbstudy.cli.lazy import LazyCommand

Command = Callable[..., Any]


@pytest.mark.parametrize("command", ["run", "gate", "report", "list", "doctor"])
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
    told = {
        (tuple(parameter.opts), parameter.help)
        for command in _commands()
        for parameter in command.params
        if option in parameter.opts
    }
    assert len(told) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_programs_help_has_the_first_paragraph_of_each_commands_help(command: LazyCommand) -> None:
    first_paragraph, *_ = (command.load().help or "").split("\n\n")

    assert command.help == " ".join(first_paragraph.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_paragraph_of_help_is_broken_by_the_terminal_alone(command: LazyCommand) -> None:
    loaded = command.load()
    for each in (loaded, *getattr(loaded, "commands", {}).values()):
        assert "\n" not in (each.help or "").replace("\n\n", "")


def _commands() -> Iterator[Any]:  # typer brings a click of its own
    for command in COMMANDS:
        loaded = command.load()
        yield loaded
        yield from getattr(loaded, "commands", {}).values()
