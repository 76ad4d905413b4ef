"""Finds the study's source folder, if it runs from there: it has the programs in other languages."""

from pathlib import Path


def repository() -> Path | None:
    """Return the folder with ``clients/`` and ``scripts/``; None if only the package is installed."""
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "scripts" / "setup").is_file() else None
