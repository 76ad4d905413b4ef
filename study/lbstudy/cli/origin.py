"""Where `lbstudy report` reads a run."""

from enum import StrEnum


class Origin(StrEnum):
    """The values of ``--from``."""

    STORE = "store"
    STACK = "stack"
