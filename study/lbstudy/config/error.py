"""What a user hears of a file that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(Exception):
    """A scenario or setting cannot be used; the message is one line: the file, the key, what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Escape what would break a line or play tricks on a terminal; everything printable stays."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Write ``; did you mean …?`` where something known is near, else nothing."""
    found = get_close_matches(word[:100], sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def clipped(text: str) -> str:
    """Shorten what a file holds to what a line can hold."""
    return text if len(text) <= 60 else text[:59] + "…"
