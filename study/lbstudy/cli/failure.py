"""Turns whatever ended a command into one line for the user and an exit code."""

import contextlib
import errno
import sys
import traceback
from typing import Protocol, runtime_checkable

from lbstudy.cli.exit_code import ExitCode
from lbstudy.config.error import ConfigError, one_line
from lbstudy.platform.interface import PlatformError
from lbstudy.stack.errors import StackError, StackVariableError


class UsageError(Exception):
    """The command's arguments ask for something that cannot be done; the message is one line."""


@runtime_checkable
class _ParserError(Protocol):
    """What the command-line parser raises; where its class lives depends on typer's version."""

    exit_code: int

    def format_message(self) -> str: ...


def say(line: str) -> None:
    """Write a line to standard error."""
    with contextlib.suppress(OSError):  # nobody reads it, or it has no room: there is nobody else to tell
        sys.stderr.write(f"lbstudy: {one_line(line)}\n")
        sys.stderr.flush()


def explain(error: BaseException) -> int:
    """Tell the user what ended the command, in one line; returns the exit code.

    What no user can cause is a defect of this program: it is shown in full, for a report of it.
    """
    error = _innermost(error)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return ExitCode.ERROR  # the reader of the output has left: nothing to say, and nobody to hear it
    line, code = _line(error)
    if line is None:
        with contextlib.suppress(OSError):
            traceback.print_exception(error)
        line = f"a defect in lbstudy, please report the lines above: {error!r}"
    say(line)
    return code


def in_one_line(error: BaseException) -> str:
    """What went wrong, for a command that goes on all the same."""
    line, _ = _line(_innermost(error))
    return line or f"a defect in lbstudy: {error!r}"


def _line(error: BaseException) -> tuple[str | None, ExitCode]:
    if isinstance(error, (ConfigError, StackVariableError, UsageError)):
        return str(error), ExitCode.USAGE
    if isinstance(error, _ParserError):
        return _usage_line(error), ExitCode.USAGE
    if isinstance(error, (PlatformError, StackError)):
        return str(error), ExitCode.ERROR
    if isinstance(error, MemoryError):
        return "out of memory", ExitCode.ERROR
    if isinstance(error, OSError):
        return _os_line(error), ExitCode.ERROR
    # Only here: these bring in DuckDB and the result's models.
    from lbstudy.backends.errors import BackendError  # noqa: PLC0415
    from lbstudy.report.json import ResultFileError  # noqa: PLC0415
    from lbstudy.store.errors import StoreError  # noqa: PLC0415

    told = isinstance(error, (StoreError, BackendError, ResultFileError))
    return (str(error) if told else None), ExitCode.ERROR


def _usage_line(error: _ParserError) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lbstudy"
    return f"{message} (see {command} --help)"


def _os_line(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        reason += " (the disk is full)"
    return f"{error.filename}: {reason}" if error.filename else reason


def _innermost(error: BaseException) -> BaseException:
    """Look into groups, as a TaskGroup raises them: an interruption outweighs what it caused."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_innermost(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, KeyboardInterrupt)), leaves[0])
