"""What a user hears of a file that cannot be used."""


class ConfigError(Exception):
    """A scenario or setting cannot be used; the message is one line: the file, the key, what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Escape what would break a line or play tricks on a terminal; everything printable stays."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
