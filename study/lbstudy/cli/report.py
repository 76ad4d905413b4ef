"""``lbstudy report``: the report again, from a stored run or from Jaeger and Prometheus."""

# What brings in DuckDB and SciPy is imported where it is needed.
# ruff: noqa: PLC0415

import gc
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, replacing
from lbstudy.cli.origin import Origin
from lbstudy.observation.source import Source

STORE = "run.duckdb"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The command's options."""

    run: Path | None
    origin: Origin
    run_id: str | None  # these three only from the stack
    jaeger: str | None
    prometheus: str | None
    out: Path | None
    as_json: bool


def report_run(request: ReportRequest) -> int:
    """Measure the run and write its report; returns the exit code.

    Raises:
        UsageError: when there is no run there, or the options contradict each other.
        BackendError: when Jaeger or Prometheus cannot be read, or do not have it.
        StoreError: when its store cannot be read.
        OSError: when the report cannot be written.
    """
    if request.origin is Origin.STACK:
        return _from_stack(request)
    if request.run is None:
        raise UsageError("Missing argument RUN: a run's folder, or --from stack (see lbstudy report --help)")
    if request.run_id or request.jaeger or request.prometheus:
        raise UsageError("--run, --jaeger and --prometheus go with --from stack")
    return _from_store(request.run, request)


def _from_store(run: Path, request: ReportRequest) -> int:
    store = _store(run)
    from lbstudy.store.source import StoreSource

    folder = request.out or store.parent
    with closing(StoreSource(store)) as source:
        return _report(source, folder, as_json=request.as_json)


def _from_stack(request: ReportRequest) -> int:
    if request.run is not None:
        raise UsageError(f"{request.run}: from the stack a run is named by its id: --run ID")
    from lbstudy.backends.jaeger import Jaeger
    from lbstudy.backends.prometheus import Prometheus
    from lbstudy.backends.runs import latest_run
    from lbstudy.backends.source import StackSource

    jaeger_url, prometheus_url = _urls(request)
    jaeger, prometheus = Jaeger(jaeger_url), Prometheus(prometheus_url)
    run_id = request.run_id or latest_run(jaeger)
    say(f"reading the run {run_id} from {jaeger.url} and {prometheus.url}")
    folder = request.out or Path("runs") / (re.sub(r"[^\w.-]", "_", run_id).lstrip(".") or "run")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(folder / STORE) as copy:
            copy.unlink()
            with _without_collections():
                source = StackSource.read(jaeger, prometheus, run_id, copy)
            with closing(source):
                return _report(source, folder, as_json=request.as_json)
    finally:
        with suppress(OSError):  # something is in it: the report, when all went well
            folder.rmdir()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Spare the garbage collector millions of values that are in no cycle: a fifth of the time."""
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


def _urls(request: ReportRequest) -> tuple[str, str]:
    """Where Jaeger and Prometheus are: as asked for, where the stack is up, or where it would be."""
    from lbstudy.stack.ports import Ports
    from lbstudy.stack.running import Endpoints, running_stack

    stack = running_stack() or Endpoints.of(Ports.from_environment(os.environ))
    return request.jaeger or stack.jaeger, request.prometheus or stack.prometheus


def _store(run: Path) -> Path:
    store = run / STORE if run.is_dir() else run
    if not store.is_file():
        partial = RunFolder(run).partial if run.name else run
        hint = f"; {partial} is of a run that did not finish" if partial.is_dir() and not run.exists() else ""
        raise UsageError(f"{run}: expected a run's folder with {STORE} in it, or that file{hint}")
    return store
