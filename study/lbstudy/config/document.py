"""Reads a file into plain values, and checks everything that does not depend on a model."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from lbstudy.config.base import Origin
from lbstudy.config.error import ConfigError

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32
_INT64 = 2**63


def read(path: Path, shown: str) -> Origin:
    """Read a file's text. Raises ConfigError, which calls the file ``shown``."""
    try:
        # Non-blocking, so that a named pipe is refused at once.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{shown}: expected a TOML file, but this is not a regular file")
            data = file.read(MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise ConfigError(f"{shown}: expected a TOML file, found a folder") from error
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL character in the path
        raise ConfigError(f"{shown}: cannot be read: {error}") from error
    return Origin(path, decode(data, shown))


def decode(data: bytes, shown: str) -> str:
    """Decode a file's bytes. Raises ConfigError."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{shown}: expected at most 1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown}: expected UTF-8 text, found another byte in line {line}") from error


def parse(text: str, shown: str) -> dict[str, Any]:
    """Parse TOML. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{shown}: expected tables and arrays nested at most {_MAX_DEPTH} deep") from error
    except ValueError as error:  # TOMLDecodeError, or int's own limit of digits
        raise ConfigError(f"{shown}: expected TOML: {error}") from error
    _check_values(document, shown)
    return document


def _check_values(document: dict[str, Any], shown: str) -> None:
    """Refuse values beyond what TOML guarantees, and nesting that would exhaust the stack later."""
    pending: list[tuple[Any, int]] = [(document, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{shown}: expected tables and arrays nested at most {_MAX_DEPTH} deep")
        if isinstance(value, dict):
            pending.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            pending.extend((inner, depth + 1) for inner in value)
        elif isinstance(value, int) and not -_INT64 <= value < _INT64:
            raise ConfigError(f"{shown}: expected whole numbers of 64 bits at most")
