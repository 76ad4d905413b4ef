"""The entry point: from the process's arguments to its exit code, whatever happens between.

It imports next to nothing, so that Ctrl-C is answered properly from the first moment.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from lbstudy.cli.exit_code import ExitCode


def main() -> int:
    """Run the command ``lbstudy`` with the process's own arguments; returns the exit code."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) == signal.SIG_DFL:  # nohup ignores SIGHUP: leave it so
            signal.signal(ending, _interrupt)
    code = run(sys.argv[1:])
    # From here on there is nothing to clean up, and no reader for a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code and never raises for a user's error."""
    try:
        try:
            from lbstudy.cli.app import execute  # noqa: PLC0415 - see the module's docstring

            code = execute(arguments)
            sys.stdout.flush()
        except BaseException as error:  # everything ends as an exit code
            from lbstudy.cli.failure import explain  # noqa: PLC0415 - only when needed

            code = explain(error)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    _settle_output()
    return code


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    """Treat SIGTERM and SIGHUP as Ctrl-C, and so in whatever way SIGINT is handled at this moment."""
    signal.raise_signal(signal.SIGINT)


def _settle_output() -> None:
    """Flush, or give up on, the standard streams, so that the interpreter's exit has nothing to say."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
