"""The errors of a run's store."""

from pathlib import Path

import duckdb


class StoreError(Exception):
    """The store cannot be made, opened, written or read. The message is one line for the user."""

    @classmethod
    def of(cls, path: Path, doing: str, error: duckdb.Error | OSError) -> "StoreError":
        """Return the error that ended ``doing`` ("cannot be written") at ``path``, as one line."""
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        # DuckDB writes its error class first, "IO Error: …": what follows it is useful to the reader.
        reason = reason.split(" Error: ", 1)[-1]
        return cls(f"{path}: {doing}: {reason}")
