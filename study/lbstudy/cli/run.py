"""``lbstudy run``: from the command's options to a run's folder and an exit code."""

import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import typer

from lbstudy.cli.collector import find_collector, notes_of
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, default_folder
from lbstudy.cli.interrupts import uninterrupted
from lbstudy.cli.plan_text import plan_as_json, plan_as_text
from lbstudy.config import load_scenario, load_setting, notes
from lbstudy.config.base import Document
from lbstudy.live.view import View
from lbstudy.result.model import Result
from lbstudy.run.obstacles import obstacles
from lbstudy.run.plan import ClusterChoice, Collector, RunPlan

DEFAULT_SETTINGS = ("stock", "max-age")


@dataclass(frozen=True, slots=True)
class Request:
    """The command's options."""

    scenario: str
    settings: Sequence[str]  # names or paths; none: the default ones
    out: Path | None
    seed: int
    as_json: bool
    otlp: str | None  # the Collector's endpoint, as the user gave it
    no_otlp: bool
    cluster: ClusterChoice | None  # where it runs; None: on this machine
    dry_run: bool
    plain: bool
    command: str  # as the user typed it


def run_scenario(request: Request) -> int:
    """Do what the command asks for; returns the exit code.

    Raises:
        ConfigError, UsageError: for files and options that cannot be used.
        PlatformError, StoreError, OSError: for what went wrong in the run.
    """
    if request.cluster is not None and request.otlp is not None:
        raise UsageError("--otlp does not go with --on kubernetes: pods send to the cluster's own Collector")
    collector = find_collector(request.otlp, refused=request.no_otlp or request.cluster is not None)
    plan = _plan(request, collector)
    if obstacle := "; ".join(obstacles(plan.scenario, on_a_cluster=plan.cluster is not None)):
        raise UsageError(obstacle)
    for note in notes(plan.scenario, plan.settings):
        say(f"note: {note}")
    if collector is not None:
        for note in notes_of(collector, is_asked_for=request.otlp is not None):
            say(f"note: {note}")
    if request.dry_run:
        typer.echo(plan_as_json(plan) if request.as_json else plan_as_text(plan))
        return ExitCode.OK
    return _carry_out(plan, request)


def _plan(request: Request, collector: Collector | None) -> RunPlan:
    scenario = load_scenario(request.scenario)
    settings = [load_setting(name) for name in request.settings or DEFAULT_SETTINGS]
    require_different_names(settings)
    folder = request.out or default_folder(scenario.name, datetime.now().astimezone())
    return RunPlan(
        scenario=scenario,
        settings=settings,
        run_dir=folder,
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{scenario.name}-{secrets.token_hex(3)}",
        seed=request.seed,
        command=request.command,
        collector=collector,
        cluster=request.cluster,
    )


def require_different_names(documents: Sequence[Document]) -> None:
    """Raise UsageError when two settings, or two scenarios, of a command have the same name."""
    seen: dict[str, Document] = {}
    for document in documents:
        if document.name in seen:
            kind = type(document).__name__.lower()
            raise UsageError(
                f"{document.path}: name: expected a name that no other {kind} of this run has,"
                f" found {document.name}, as in {seen[document.name].path}"
            )
        seen[document.name] = document


def _carry_out(plan: RunPlan, request: Request) -> int:
    folder = RunFolder(plan.run_dir)
    result = perform(plan, folder, choose_view(plain=request.plain))
    # Only here: this brings in the renderers.
    from lbstudy.cli.results import exit_code, print_result  # noqa: PLC0415

    print_result(result, folder.path, as_json=request.as_json)
    return exit_code(result)


def perform(plan: RunPlan, folder: RunFolder, view: View) -> Result:
    """Run as planned, and leave the run's folder with its report.

    Raises:
        UsageError: when the folder is taken.
        PlatformError, StoreError, OSError: for what went wrong in the run.
    """
    folder.create()
    try:
        # Only here: these bring in gRPC, DuckDB and SciPy.
        from lbstudy.cli.results import write_results  # noqa: PLC0415
        from lbstudy.run.study import run_study  # noqa: PLC0415

        result = run_study(replace(plan, run_dir=folder.partial), view)
        write_results(result, folder.partial)
        folder.finish()
    except BaseException:
        with uninterrupted():
            view.end()  # a second Ctrl-C may have kept the run from it
            if folder.abandon():
                say(f"what was recorded until then is in {folder.partial}")
        raise
    return result


def choose_view(*, plain: bool) -> View:
    """Choose the live view: on a terminal a screen, elsewhere plain lines."""
    if plain or not sys.stderr.isatty():
        from lbstudy.live.lines import Lines  # noqa: PLC0415 - one of the two is enough

        return Lines(sys.stderr)
    from rich.console import Console  # noqa: PLC0415 - the same

    from lbstudy.live.screen import Screen  # noqa: PLC0415 - the same

    return Screen(Console(stderr=True))
