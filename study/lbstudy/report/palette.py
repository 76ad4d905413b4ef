"""The number, colour and texture of a server: the same in every chart and table of its setting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

COLOURS = 8
"""Colours in style.css, ``--s0`` … ``--s7``: neighbours also differ in lightness, not only in hue."""
TEXTURES = 4
"""From the ninth server on the colours repeat with a texture: plain, lines, dots, cross-lines."""


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers of servers in short form: ``1, 4–6``."""
    spans: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in spans)


@dataclass(frozen=True, slots=True)
class ServerLook:
    """How one server is shown."""

    number: int
    """From 1, in order of creation."""
    colour: str
    """The class that sets the colour."""
    texture: str | None
    """The id of the pattern to lay over it."""


@dataclass(frozen=True)
class Palette:
    """The looks of one setting's servers."""

    servers: Sequence[str]

    @cached_property
    def _looks(self) -> dict[str, ServerLook]:
        looks = {}
        for i, server in enumerate(self.servers):
            texture = i // COLOURS % TEXTURES
            looks[server] = ServerLook(i + 1, f"s{i % COLOURS}", f"texture-{texture}" if texture else None)
        return looks

    def look(self, server: str) -> ServerLook:
        """Return the look of a server; one that is not in the setting's list has number 0 and no colour."""
        return self._looks.get(server, ServerLook(0, "unlisted", None))

    def number(self, server: str) -> int:
        """Return a server's number."""
        return self.look(server).number
