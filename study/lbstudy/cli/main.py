"""The entry point: from the process's arguments to its exit code.

It imports almost nothing, so that Ctrl-C is handled properly from the first moment.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.interrupts import treat_as_interrupt, uninterrupted


def main() -> int:
    """Run the command ``lbstudy`` with the process's own arguments; returns the exit code."""
    _open_streams()
    treat_as_interrupt()
    code = run(sys.argv[1:])
    # Nothing is left to clean up, so Ctrl-C may end the interpreter while it exits.
    signal.signal(signal.SIGINT, signal.SIG_IGN if code == ExitCode.INTERRUPTED else signal.SIG_DFL)
    return code


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code, and never raises for a user's error."""
    try:
        try:
            from lbstudy.cli.app import execute  # noqa: PLC0415 - see the module's docstring

            code = execute(arguments)
            sys.stdout.flush()
        except BaseException as error:  # everything ends with an exit code
            with uninterrupted():
                from lbstudy.cli.failure import explain  # noqa: PLC0415 - only when needed

                code = explain(error)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    return code


def _open_streams() -> None:
    """Open the null device for each closed standard stream (as after ``>&-``), which in Python is None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
