"""Limits the size of pods' logs, so that they do not fill the disk."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

LARGEST: Final = 64 << 20
"""Most bytes of a pod's log."""
KEPT: Final = 1 << 20
"""Bytes that are kept of the beginning, and of the end, of a log that is cut."""
_EVERY: Final = 0.25  # s


async def keep_small(logs: Callable[[], Iterable[Path]]) -> None:
    """Check files repeatedly, and cut those that have become too large; does not end.

    Args:
        logs: returns the present logs.
    """
    while True:
        await asyncio.sleep(_EVERY)
        for log in logs():
            with contextlib.suppress(OSError):
                if log.stat().st_size > LARGEST:
                    await asyncio.to_thread(cut, log)


def cut(log: Path, kept: int = KEPT) -> None:
    """Remove the middle of a file that is being appended to.

    What is appended at the moment of the cut may be lost, too. Raises OSError.
    """
    with log.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - kept)
        end = file.read()
        end = end[end.find(b"\n") + 1 :]
        file.seek(kept)
        file.truncate()
    # In the mode in which the pod writes: at the file's end, wherever that is then.
    with log.open("ab") as file:
        file.write(b"\n[%d bytes were cut out here: this log grew too large]\n" % (size - kept - len(end)))
        file.write(end)
