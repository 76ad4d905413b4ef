"""``lbstudy report``: makes the report again, from a stored run or from Jaeger and Prometheus."""

# DuckDB and numpy are imported where they are needed: the command's help does not need them.
# ruff: noqa: PLC0415

import gc
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli import options
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, replacing
from lbstudy.cli.options import AsJson
from lbstudy.result.source import Source
from lbstudy.stack.ports import Ports
from lbstudy.stack.running import Endpoints, running_stack

STORE = "run.duckdb"


class ReadFrom(StrEnum):
    """The values of ``--from``."""

    STORE = "store"
    STACK = "stack"


app = new_command()


@app.command(
    epilog=examples(
        "lbstudy report runs/20261123-150000-scale",
        "lbstudy report run.duckdb --out /tmp/again",
        "lbstudy report runs/20261123-150000-scale --json | jq .verdict",
        "lbstudy report --from stack         the latest run in Jaeger and Prometheus",
    )
)
def report(
    run: Annotated[
        Path | None, typer.Argument(help="A run's folder, or its run.duckdb.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        options.out("Where to write; by default the run's own folder, or runs/<ID> with --from stack."),
    ] = None,
    origin: Annotated[
        ReadFrom,
        typer.Option(
            "--from",
            help="Where to read the run: from the store that it wrote, or from Jaeger and Prometheus alone,"
            " which also writes what they have to run.duckdb.",
        ),
    ] = ReadFrom.STORE,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="ID", help="With --from stack: the run's id; by default the latest run."
        ),
    ] = None,
    jaeger: Annotated[
        str | None,
        typer.Option(
            "--jaeger", metavar="URL", help="Jaeger's address; by default that of [bold]lbstudy stack[/bold]."
        ),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus", metavar="URL", help="Prometheus's address; by default that of the stack."
        ),
    ] = None,
) -> int:
    """Make report.html and result.json again, from a run that has ended."""
    # Raises UsageError if options contradict each other, BackendError, StoreError or OSError if something
    # cannot be read or written.
    if origin is ReadFrom.STACK:
        if run is not None:
            raise UsageError(f"{run}: with --from stack, name the run by its id: --run ID")
        return _from_stack(run_id, jaeger, prometheus, out, as_json=as_json)
    if run is None:
        raise UsageError("Missing argument RUN: a run's folder, or --from stack (see lbstudy report --help)")
    if run_id or jaeger or prometheus:
        raise UsageError("--run, --jaeger and --prometheus go with --from stack")
    return _from_store(run, out, as_json=as_json)


def _from_store(run: Path, out: Path | None, *, as_json: bool) -> int:
    store = _store(run)
    from lbstudy.store.source import StoreSource

    folder = out or store.parent
    with closing(StoreSource(store)) as source:
        return _report(source, folder, as_json=as_json)


def _from_stack(
    run_id: str | None,
    jaeger_url: str | None,
    prometheus_url: str | None,
    out: Path | None,
    *,
    as_json: bool,
) -> int:
    from lbstudy.backends.jaeger import Jaeger
    from lbstudy.backends.prometheus import Prometheus
    from lbstudy.backends.runs import latest_run
    from lbstudy.backends.source import StackSource

    stack = _stack()
    jaeger, prometheus = Jaeger(jaeger_url or stack.jaeger), Prometheus(prometheus_url or stack.prometheus)
    run_id = run_id or latest_run(jaeger)
    say(f"reading the run {run_id} from {jaeger.url} and {prometheus.url}")
    folder = out or Path("runs") / (re.sub(r"[^\w.-]", "_", run_id).lstrip(".") or "run")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(folder / STORE) as copy:
            copy.unlink()
            with _without_collections():
                source = StackSource.read(jaeger, prometheus, run_id, copy)
            with closing(source):
                return _report(source, folder, as_json=as_json)
    finally:
        with suppress(OSError):  # normally it holds the report, and stays
            folder.rmdir()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Disable the garbage collector: it would scan millions of values without cycles (20 % of the time)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _report(source: Source, folder: Path, *, as_json: bool) -> int:
    from lbstudy.cli.results import exit_code, print_result, write_results
    from lbstudy.result.build import build

    result = build(source)
    folder.mkdir(parents=True, exist_ok=True)
    write_results(result, folder)
    print_result(result, folder, as_json=as_json)
    return exit_code(result)


def _stack() -> Endpoints:
    """Return where Jaeger and Prometheus are: the addresses of the running stack, or its defaults."""
    return running_stack() or Endpoints.of(Ports.from_environment(os.environ))


def _store(run: Path) -> Path:
    store = run / STORE if run.is_dir() else run
    if not store.is_file():
        partial = RunFolder(run).partial if run.name else run
        hint = f"; {partial} is of a run that did not finish" if partial.is_dir() and not run.exists() else ""
        raise UsageError(f"{run}: expected a run's folder with {STORE} in it, or that file{hint}")
    return store
