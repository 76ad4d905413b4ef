"""``lbstudy report``: the report again, from a stored run."""

from contextlib import closing
from pathlib import Path

from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import RunFolder

STORE = "run.duckdb"


def report_run(run: Path, *, out: Path | None, as_json: bool) -> int:
    """Measure the stored run and write its report; returns the exit code.

    Raises:
        UsageError: when there is no run there.
        StoreError: when its store cannot be read.
        OSError: when the report cannot be written.
    """
    store = _store(run)
    # Only here: these bring in DuckDB and SciPy.
    from lbstudy.cli.results import exit_code, print_result, write_results  # noqa: PLC0415
    from lbstudy.result.build import build  # noqa: PLC0415
    from lbstudy.store.source import StoreSource  # noqa: PLC0415

    with closing(StoreSource(store)) as source:
        result = build(source)
    folder = out or store.parent
    folder.mkdir(parents=True, exist_ok=True)
    write_results(result, folder)
    print_result(result, folder, as_json=as_json)
    return exit_code(result)


def _store(run: Path) -> Path:
    store = run / STORE if run.is_dir() else run
    if not store.is_file():
        partial = RunFolder(run).partial if run.name else run
        hint = f"; {partial} is of a run that did not finish" if partial.is_dir() and not run.exists() else ""
        raise UsageError(f"{run}: expected a run's folder with {STORE} in it, or that file{hint}")
    return store
