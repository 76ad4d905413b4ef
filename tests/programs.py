"""Programs under test."""

import subprocess
from types import TracebackType


class Process(subprocess.Popen[str]):
    """A process that is killed when its ``with`` block ends with an error.

    ``Popen`` itself waits there for the process without a limit, also after a guard of 60 s has gone off.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the process if the block failed; close the pipes and wait."""
        if error is not None:
            self.kill()
        super().__exit__(kind, error, trace)
