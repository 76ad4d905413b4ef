"""Turns the exception that ended a command into one line for the user and an exit code."""

import contextlib
import errno
import sys
import traceback
from typing import Protocol, runtime_checkable

from lbstudy.cli.exit_code import ExitCode
from lbstudy.config.error import ConfigError, one_line
from lbstudy.platform.interface import PlatformError
from lbstudy.stack import StackError, StackVariableError


class UsageError(Exception):
    """The command's arguments cannot be used. The message is one line."""


@runtime_checkable
class _ParserError(Protocol):
    """What the command-line parser raises. Which module has its class depends on typer's version."""

    exit_code: int

    def format_message(self) -> str: ...


def say(line: str) -> None:
    """Write a line to standard error."""
    with contextlib.suppress(OSError):  # standard error is closed or full: there is nowhere else to write
        sys.stderr.write(f"lbstudy: {one_line(line)}\n")
        sys.stderr.flush()


def explain(error: BaseException) -> int:
    """Print why the command ended, in one line; returns the exit code.

    An exception that no user can cause is a defect of this program: its whole traceback is printed, for a
    report.
    """
    error = _innermost(error)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return ExitCode.ERROR  # the reader of the output is gone, so nothing can be printed
    line, code = _line(error)
    if line is None:
        with contextlib.suppress(OSError):
            traceback.print_exception(error)
        line = f"a defect in lbstudy, please report the lines above: {error!r}"
    say(line)
    return code


def in_one_line(error: BaseException) -> str:
    """Return what went wrong in one line, for a command that continues."""
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
    # Imported here, because they import DuckDB and the result's models.
    from lbstudy.backends.http import BackendError  # noqa: PLC0415
    from lbstudy.report.json import ResultFileError  # noqa: PLC0415
    from lbstudy.store.errors import StoreError  # noqa: PLC0415

    is_for_user = isinstance(error, (StoreError, BackendError, ResultFileError))
    return (str(error) if is_for_user else None), ExitCode.ERROR


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
    """Return the most relevant exception of a group (a TaskGroup's): an interruption, if there is one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_innermost(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, KeyboardInterrupt)), leaves[0])
