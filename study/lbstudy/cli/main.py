"""The entry point: from the process's arguments to its exit code, whatever happens between.

It imports next to nothing, so that Ctrl-C is answered properly from the first moment.
"""

import os
import signal
import sys
from collections.abc import Sequence

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.interrupts import treat_as_interrupt, uninterrupted


def main() -> int:
    """Run the command ``lbstudy`` with the process's own arguments; returns the exit code."""
    treat_as_interrupt()
    code = run(sys.argv[1:])
    # Nothing is left to clean up: Ctrl-C may end the interpreter's own end, and need not after another one.
    signal.signal(signal.SIGINT, signal.SIG_IGN if code == ExitCode.INTERRUPTED else signal.SIG_DFL)
    return code


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code and never raises for a user's error."""
    try:
        try:
            from lbstudy.cli.app import execute  # noqa: PLC0415 - see the module's docstring

            code = execute(arguments)
            sys.stdout.flush()
        except BaseException as error:  # everything ends as an exit code
            with uninterrupted():
                from lbstudy.cli.failure import explain  # noqa: PLC0415 - only when needed

                code = explain(error)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    _settle_output()
    return code


def _settle_output() -> None:
    """Flush, or give up on, the standard streams, so that the interpreter's exit has nothing to say."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
