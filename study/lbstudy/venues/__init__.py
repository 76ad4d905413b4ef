"""Where runs can be made: one folder for each venue, and one name in ``On``."""

from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module

from lbstudy.run.venue import Venue

On = StrEnum("On", {"LOCAL": "local", "KUBERNETES": "kubernetes"})
"""The venues, by their names in ``--on``. Each is a package of this room with a function ``choose``."""


def choose(platform: str, options: Mapping[str, str]) -> Venue:
    """Return the venue of that name.

    Args:
        platform: one of ``On``.
        options: the venue's options, see ``Venue.options``.

    Raises:
        ValueError: the venue does not accept one of the options. The message is a line for the user.
    """
    chosen: Venue = import_module(f"{__name__}.{On(platform)}").choose(options)
    return chosen
