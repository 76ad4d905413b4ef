"""Checks of the machine and of where the command was called."""

import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import psutil

from lbstudy.cli.check import Check, Status

GIB = 1 << 30
MIN_CORES = 2
MIN_MEMORY = GIB  # the default run takes about half of it
MIN_DISK = GIB
MIN_FILES = 1024


def cores() -> Check:
    """Cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    status = Status.OK if count >= MIN_CORES else Status.NOTE
    load = os.getloadavg()[0]
    return Check("cores", status, f"{count}, load {load:.1f}", f"below {MIN_CORES}, times are less exact")


def memory() -> Check:
    """Memory that is available."""
    found = psutil.virtual_memory()
    status = Status.OK if found.available >= MIN_MEMORY else Status.NOTE
    text = f"{found.available / GIB:.1f} GiB available of {found.total / GIB:.1f} GiB"
    return Check("memory", status, text, "some 40 MB a server; the default run starts up to 12")


def disk() -> Check:
    """Disk space where runs are written."""
    free = shutil.disk_usage(_runs()).free
    status = Status.OK if free >= MIN_DISK else Status.NOTE
    return Check("disk", status, f"{free / GIB:.1f} GiB free in {_runs()}", "a run takes some 10 MB")


def open_files() -> Check:
    """How many files and connections a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    status = Status.OK if unlimited or soft >= MIN_FILES else Status.NOTE
    shown = "unlimited" if unlimited else str(soft)
    upper = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    return Check("open files", status, f"{shown} (up to {upper})", "many servers need more: ulimit -n 4096")


def write_permission() -> Check:
    """Whether a run's folder can be made here."""
    try:
        with tempfile.TemporaryDirectory(prefix=".lbstudy-", dir=_runs()):
            pass
    except OSError as error:
        advice = "call lbstudy in another folder, or name one with --out"
        return Check("write permission", Status.NOTE, f"{_runs()}: {error.strerror}", advice)
    return Check("write permission", Status.OK, str(_runs()))


def terminal() -> Check:
    """Whether progress is drawn on a terminal, or comes as plain lines."""
    if not sys.stderr.isatty():
        return Check("terminal", Status.OK, "standard error is none: progress comes as plain lines")
    size = shutil.get_terminal_size()
    status = Status.OK if size.columns >= 80 else Status.NOTE
    name = os.environ.get("TERM", "unknown")
    return Check(
        "terminal", status, f"{size.columns} × {size.lines}, {name}", "80 columns are needed, or --plain"
    )


def _runs() -> Path:
    runs = Path.cwd() / "runs"
    return runs if runs.is_dir() else Path.cwd()
