"""``result.json``: a Result as a file."""

import json
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from lbstudy.result.model import SCHEMA_VERSION, Result


class ResultFileError(Exception):
    """A result file cannot be read or written. The message is one line for the user."""


def write_json(result: Result, path: Path) -> None:
    """Write the result, completely or not at all. Raises ResultFileError."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(result.model_dump_json(indent=1))
                file.write("\n")
            # Only their owner can read mkstemp's files, but a report is to be shared.
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_json(path: Path) -> Result:
    """Read a result that ``write_json`` wrote. Raises ResultFileError, also for another schema version."""
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path}: is not JSON: {error}") from error
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != SCHEMA_VERSION:
        raise ResultFileError(f"{path}: schema_version is {version!r}, expected {SCHEMA_VERSION!r}")
    try:
        return Result.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ResultFileError(f"{path}: {where}: {first['msg']}") from error
