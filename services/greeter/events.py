"""Events that a program writes for other programs: one JSON object a line on standard output."""

import contextlib
import json
import sys
import time


def emit(event: str, **fields: object) -> str:
    """Write an event with the present time in nanoseconds since the Unix epoch; returns its line.

    A broken pipe is ignored: a server goes on serving when its reader is gone.
    """
    line = json.dumps({"event": event, "time_unix_nano": time.time_ns(), **fields})
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    return line


def leave_word(file: str | None, line: str) -> None:
    """Write the line to the file, if there is one, for whoever reads it after the program has ended.

    In a pod this is the termination message, which Kubernetes shows with the container's status. A file that
    cannot be written is ignored: the line went to standard output, too.
    """
    if file is not None:
        with contextlib.suppress(OSError), open(file, "w", encoding="utf-8") as out:  # noqa: PTH123 - a plain program
            out.write(line + "\n")
