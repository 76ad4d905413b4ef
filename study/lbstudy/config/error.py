"""Errors in a file, as the user reads them."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(Exception):
    """A scenario, setting, subject or requirement cannot be used.

    The message is one line with the file, the key, and what was expected.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Escape line ends and control characters; everything printable stays."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if ``word`` resembles something known, else ""."""
    matches = get_close_matches(word[:100], sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""


def clipped(text: str) -> str:
    """Shorten a value to what fits into a line."""
    return text if len(text) <= 60 else text[:59] + "…"
