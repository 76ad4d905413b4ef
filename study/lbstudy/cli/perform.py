"""Makes a planned run and shows its progress, for all commands that run something."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from lbstudy.cli.failure import say
from lbstudy.cli.files import RunFolder
from lbstudy.cli.interrupts import uninterrupted
from lbstudy.live.view import View
from lbstudy.run.plan import RunPlan

if TYPE_CHECKING:  # importing its models takes 0.1 s, which a dry run and the help do not need
    from lbstudy.result.model import Result


def perform(plan: RunPlan, folder: RunFolder, view: View) -> "Result":
    """Run as planned, and write the report to the run's folder.

    Raises:
        UsageError: the folder exists already.
        PlatformError, StoreError, OSError: something failed in the run.
    """
    folder.create()
    try:
        # Imported here, because they import gRPC, DuckDB and numpy.
        from lbstudy.cli.results import write_results  # noqa: PLC0415
        from lbstudy.run.study import run_study  # noqa: PLC0415

        result = run_study(replace(plan, run_dir=folder.partial), view)
        write_results(result, folder.partial)
        folder.finish()
    except BaseException:
        with uninterrupted():
            view.end()  # the run may not have ended it, after a second Ctrl-C
            if folder.abandon():
                say(f"everything recorded until then is in {folder.partial}")
        raise
    return result


def choose_view(*, plain: bool) -> View:
    """Return the live view: a screen on a terminal, else plain lines."""
    if plain or not sys.stderr.isatty():
        from lbstudy.live.lines import PlainLines  # noqa: PLC0415 - one of the two is enough

        return PlainLines(sys.stderr)
    from rich.console import Console  # noqa: PLC0415 - the same

    from lbstudy.live.screen import Screen  # noqa: PLC0415 - the same

    return Screen(Console(stderr=True))


def quiet_view(*, plain: bool) -> View:
    """Return the view of one of many runs: as for a single run, but silent without a terminal."""
    if plain or sys.stderr.isatty():
        return choose_view(plain=plain)
    from lbstudy.live.quiet import Quiet  # noqa: PLC0415 - only where it is needed

    return Quiet()
