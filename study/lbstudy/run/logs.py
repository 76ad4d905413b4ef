"""Reads what the programs counted themselves from their logs: the telemetry is checked against it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lbstudy.config.error import clipped, one_line
from lbstudy.observation.tallies import ClientTally, ServerTally, read_tally

_COUNTS = TypeAdapter(dict[str, int])


def client_tally(pod: str, log: Path) -> ClientTally | None:
    """Read what a client pod counted; None if its log does not say."""
    for event in _events(log):
        if event.get("event") == "finished":
            return _tally(pod, event.get("tally"))
    return None


def _tally(pod: str, event: object) -> ClientTally | None:
    """Parse a tally in the format of clients/README.md; None for anything else."""
    if not isinstance(event, dict):
        return None
    try:
        return read_tally(ClientTally, {**event, "client": pod})
    except ValueError:
        return None


def server_tally(pod: str, log: Path) -> ServerTally:
    """Read what a server pod counted; ``by_code`` is None if it ended before it wrote its counts.

    The same if its program was restarted: what it had counted before is unknown.
    """
    answered, messages, served = None, None, 0
    for event in _events(log):
        # If a program was restarted, some of its logs are gone, so they do not show whether it served.
        served += 2 if event.get("event") == "restarted" else event.get("event") == "serving"
        if event.get("event") == "stopped":
            answered, messages = _counts(event.get("answered")), _counts(event.get("messages"))
    if served > 1:
        return ServerTally(server=pod, by_code=None)
    return ServerTally(server=pod, by_code=answered, messages=messages)


def _counts(value: object) -> dict[str, int] | None:
    try:
        return _COUNTS.validate_python(value)
    except ValueError:
        return None


def not_applied(log: Path) -> list[tuple[str, str]]:
    """Return each option that a program reported as unsupported or changed, once, with the reason."""
    return list(
        dict.fromkeys(
            (clipped(one_line(str(event.get("option", "")))), one_line(str(event.get("why", "")))[:300])
            for event in _events(log)
            if event.get("event") == "option_not_applied"
        )
    )


def _events(log: Path) -> Iterator[dict[str, Any]]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("\n"):
                try:
                    event = json.loads(line)
                except ValueError:  # a log line of a program that is not ours
                    continue
                if isinstance(event, dict):
                    yield event
