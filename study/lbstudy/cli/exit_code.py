"""What the exit code of ``lbstudy`` tells."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, as documented in the command's help."""

    OK = 0
    ERROR = 1  # it could not be done, or the run's ledger does not close
    USAGE = 2  # options or files that cannot be used
    UNMET = 3  # an expectation of the scenario was not met
    INTERRUPTED = 130
