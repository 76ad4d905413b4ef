"""What a program tells other programs: one JSON object a line on standard output."""

import json
import sys
import time


def emit(event: str, **fields: object) -> None:
    """Write an event with the time now, in nanoseconds since the Unix epoch.

    A reader that is gone is no reason to stop serving: a broken pipe is passed over.
    """
    line = json.dumps({"event": event, "time_unix_nano": time.time_ns(), **fields})
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass
