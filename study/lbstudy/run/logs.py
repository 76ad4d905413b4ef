"""What the programs wrote of themselves: the counts that referee the telemetry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lbstudy.observation.records import ClientTally, ServerTally


def client_tally(pod: str, log: Path) -> ClientTally | None:
    """Read what a client pod counted; None when it ended before it could say."""
    for event in _events(log):
        if event.get("event") == "finished":
            return ClientTally(client=pod, **event["tally"])
    return None


def server_tally(pod: str, log: Path) -> ServerTally:
    """Read what a server pod counted; ``by_code`` is None when it ended before it could say.

    So it is when its program was started again: nobody knows what it had counted before.
    """
    answered, served = None, 0
    for event in _events(log):
        served += event.get("event") == "serving"
        if event.get("event") == "stopped":
            answered = event["answered"]
    return ServerTally(server=pod, by_code=answered if served <= 1 else None)


def _events(log: Path) -> Iterator[dict[str, Any]]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("\n"):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event
