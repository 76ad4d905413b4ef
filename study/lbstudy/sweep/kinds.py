"""What a sweep can repeat. A module of its own, because the command's help needs nothing else."""

from enum import StrEnum


class ChangeOf(StrEnum):
    """What is repeated."""

    SCALE = "scale"  # add some servers, then remove them again
    KILL = "kill"  # kill the oldest server; the platform starts another
