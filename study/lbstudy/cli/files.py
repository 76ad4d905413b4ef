"""Output that never looks finished before it is: written aside, then renamed."""

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
    """Yield a path to write to; it takes the place of ``path`` when the block ends without an error.

    Raises:
        OSError: when it cannot be written; it names ``path``, also where writing went wrong half-way.
    """
    partial: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        partial = Path(name)
        os.close(descriptor)
        yield partial
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)  # mkstemp's files are for their owner only
        partial.replace(path)
    except BaseException as error:
        if partial is not None:
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


class RunFolder:
    """A run's folder: ``<path>.partial`` while the run lasts, ``<path>`` once all is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f"{path.name}.partial")

    def create(self) -> None:
        """Make the folder. Raises UsageError when one is there already, OSError when it cannot be."""
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise UsageError(
                f"{self.path}: expected a new or an empty folder for the run, found something there"
            )
        try:
            self.partial.mkdir(parents=True)
        except FileExistsError as error:
            raise UsageError(
                f"{self.partial}: left by a run that did not finish, or one that still runs;"
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
        """Remove the folder if nothing was written to it; returns whether something is left in it."""
        if not self.partial.is_dir():
            return False
        if any(self.partial.iterdir()):
            return True
        self.partial.rmdir()
        return False


def default_folder(scenario: str, now: datetime) -> Path:
    """Name a folder that is not there yet: ``runs/20261123-150000-scale``."""
    base = Path("runs") / f"{now:%Y%m%d-%H%M%S}-{scenario}"
    path, number = base, 2
    while path.exists() or RunFolder(path).partial.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
