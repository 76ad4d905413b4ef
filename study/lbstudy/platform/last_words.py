"""Finds the last line that a program wrote, for a message of one line."""

from pathlib import Path

_LOOKED_AT = 4096  # bytes that are read at a file's end


def last_words(*logs: Path) -> str:
    """Return the last line of the first of a pod's logs that has one; "" if none has."""
    for log in logs:
        try:
            with log.open("rb") as file:
                file.seek(max(0, log.stat().st_size - _LOOKED_AT))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            if text := " ".join("".join(c if c.isprintable() else " " for c in line).split()):
                return text if len(text) <= 300 else text[:299] + "…"
    return ""
