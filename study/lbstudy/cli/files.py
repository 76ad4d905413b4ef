"""Writes output under a temporary name and renames it, so that it never looks finished before it is."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lbstudy.cli.failure import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it replaces ``path`` if the block ends without an error.

    Raises:
        OSError: it cannot be written. The error names ``path``, even if writing failed half-way.
    """
    partial: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        partial = Path(name)
        os.close(descriptor)
        yield partial
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)  # only the owner can read mkstemp's files
        partial.replace(path)
    except BaseException as error:
        if partial is not None:
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


class RunFolder:
    """A run's folder: ``<path>.partial`` during the run, ``<path>`` once everything is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f"{path.name}.partial")

    def create(self) -> None:
        """Make the folder. Raises UsageError if it exists already, OSError if it cannot be made."""
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise UsageError(
                f"{self.path}: expected a new or an empty folder for the run, but there are files in it"
            )
        try:
            self.partial.mkdir(parents=True)
        except FileExistsError as error:
            raise UsageError(
                f"{self.partial}: belongs to a run that did not finish, or that still runs;"
                " remove it, or choose another --out"
            ) from error

    def finish(self) -> None:
        """Give the folder its final name."""
        try:
            self.partial.rename(self.path)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise UsageError(
                    f"{self.path}: something was put there during the run; its results are in {self.partial}"
                ) from error
            raise

    def abandon(self) -> bool:
        """Remove the folder if it is empty; returns whether it is still there."""
        if not self.partial.is_dir():
            return False
        if any(self.partial.iterdir()):
            return True
        self.partial.rmdir()
        return False


def default_folder(scenario: str, now: datetime) -> Path:
    """Return the name of a new folder such as ``runs/20261123-150000-scale``."""
    base = Path("runs") / f"{now:%Y%m%d-%H%M%S}-{scenario}"
    path, number = base, 2
    while path.exists() or RunFolder(path).partial.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
