"""Files that are whole or not there."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lbstudy.cli.files import replacing


@contextmanager
def small_disk() -> Iterator[None]:
    """Have writes beyond 100 bytes of a file fail, as on a full disk.

    Only around the write itself: the limit holds for the file that pytest's own report may go to as well.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_new_content_takes_the_olds_place_at_once(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_written_leaves_the_old_and_an_error_that_names_it(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    with small_disk(), pytest.raises(OSError, match="File too large") as caught, replacing(target) as partial:
        partial.write_text("x" * 1000)

    assert (caught.value.filename, caught.value.errno) == (str(target), errno.EFBIG)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interruption_leaves_no_half_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "report.html"):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_the_users_umask_holds(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "x"):
            pass
    finally:
        os.umask(before)

    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640
