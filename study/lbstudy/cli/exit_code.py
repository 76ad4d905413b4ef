"""The exit codes of ``lbstudy``."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, as documented in the command's help."""

    OK = 0
    ERROR = 1  # it could not be done, or the run's ledger does not close
    USAGE = 2  # an option or a file cannot be used
    UNMET = 3  # an expectation of the scenario was not met
    UNDECIDED = 4  # a gate: the runs allowed were too few to decide, or a clause was not observed
    INTERRUPTED = 130
