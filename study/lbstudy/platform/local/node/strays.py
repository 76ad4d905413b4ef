"""Finds processes that a pod has left behind: daemons, which have left its process group."""

from collections.abc import Iterator
from pathlib import Path


def strays(pod: str, root: int) -> list[int]:
    """Return the descendants of a process that have a pod's name in their environment."""
    mark = f"POD_NAME={pod}".encode()
    return [pid for pid in _descendants(root) if mark in _environment(pid)]


def _descendants(pid: int) -> Iterator[int]:
    for task in _tasks(pid):
        try:
            children = [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from _descendants(child)


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
