"""Checks of the machine and of the folder in which the command runs."""

import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import psutil

from lbstudy.run.check import Check, CheckStatus

GIB = 1 << 30
MIN_CORES = 2
MIN_MEMORY = GIB  # the default run takes about half of it
MIN_DISK = GIB
MIN_FILES = 1024


def cores() -> Check:
    """Check the cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    status = CheckStatus.OK if count >= MIN_CORES else CheckStatus.NOTE
    load = os.getloadavg()[0]
    return Check("cores", status, f"{count}, load {load:.1f}", f"below {MIN_CORES}, times are less exact")


def memory() -> Check:
    """Check the available memory."""
    usage = psutil.virtual_memory()
    status = CheckStatus.OK if usage.available >= MIN_MEMORY else CheckStatus.NOTE
    text = f"{usage.available / GIB:.1f} GiB available of {usage.total / GIB:.1f} GiB"
    return Check("memory", status, text, "some 40 MB a server; the default run starts up to 12")


def disk() -> Check:
    """Check the disk space where runs are written."""
    free = shutil.disk_usage(_runs()).free
    status = CheckStatus.OK if free >= MIN_DISK else CheckStatus.NOTE
    return Check("disk", status, f"{free / GIB:.1f} GiB free in {_runs()}", "a run takes some 10 MB")


def open_files() -> Check:
    """Check how many files and connections a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    status = CheckStatus.OK if unlimited or soft >= MIN_FILES else CheckStatus.NOTE
    shown = "unlimited" if unlimited else str(soft)
    upper = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    return Check("open files", status, f"{shown} (up to {upper})", "many servers need more: ulimit -n 4096")


def write_permission() -> Check:
    """Check whether a run's folder can be made here."""
    try:
        with tempfile.TemporaryDirectory(prefix=".lbstudy-", dir=_runs()):
            pass
    except OSError as error:
        advice = "call lbstudy in another folder, or name one with --out"
        return Check("write permission", CheckStatus.NOTE, f"{_runs()}: {error.strerror}", advice)
    return Check("write permission", CheckStatus.OK, str(_runs()))


def terminal() -> Check:
    """Check whether progress is drawn on a terminal or printed as plain lines."""
    if not sys.stderr.isatty():
        text = "standard error is not a terminal: progress comes as plain lines"
        return Check("terminal", CheckStatus.OK, text)
    size = shutil.get_terminal_size()
    status = CheckStatus.OK if size.columns >= 80 else CheckStatus.NOTE
    name = os.environ.get("TERM", "unknown")
    return Check(
        "terminal", status, f"{size.columns} × {size.lines}, {name}", "80 columns are needed, or --plain"
    )


def _runs() -> Path:
    runs = Path.cwd() / "runs"
    return runs if runs.is_dir() else Path.cwd()
