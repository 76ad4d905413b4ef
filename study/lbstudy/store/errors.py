"""What can go wrong with a run's store."""

from pathlib import Path

import duckdb


class StoreError(Exception):
    """The store could not be made, opened, written or read; the message is one line for the user."""

    @classmethod
    def of(cls, path: Path, doing: str, error: duckdb.Error | OSError) -> "StoreError":
        """The error that ``doing`` ("cannot be written") met in the file at ``path``, as one line."""
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        # DuckDB names its error class first, "IO Error: …": the reader is served by what follows.
        reason = reason.split(" Error: ", 1)[-1]
        return cls(f"{path}: {doing}: {reason}")
