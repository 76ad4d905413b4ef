"""What a sweep can do again and again; apart, since the command's help needs nothing else."""

from enum import StrEnum


class ChangeOf(StrEnum):
    """What is done again and again."""

    SCALE = "scale"  # up by some servers, and down again
    KILL = "kill"  # the oldest server is killed; the platform starts another
