"""What the tap and its parent say to each other: JSON lines over a Unix stream socket.

Parent to tap: ``{"open": port, "authority": "1.2.3.4:53" | null}`` with UDP and TCP listener attached,
``{"close": port}``, ``{"flush": n}``. Tap to parent: ``{"hello": pid}``, ``{"asked": port}`` at a channel's
first query for addresses, ``{"resolution": port, …Report}``, ``{"flushed": n}``.
"""

import json
import socket
from typing import Any

from grpc_lb_instrumentor.discovery.tap.resolution import Report, Result

MOST_FDS = 64


class Lines:
    """Puts a stream of bytes together to JSON messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines if line]


def encode(message: dict[str, Any]) -> bytes:
    """One message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def report_message(port: int, report: Report) -> dict[str, Any]:
    """A resolution as the tap tells it."""
    return {
        "resolution": port,
        "started": report.started,
        "ended": report.ended,
        "result": report.result.value,
        "question": report.question,
        "addresses": report.addresses,
    }


def read_report(message: dict[str, Any]) -> Report:
    """A resolution as the parent reads it."""
    return Report(
        message["started"],
        message["ended"],
        Result(message["result"]),
        message["question"],
        tuple(message["addresses"]),
    )


def receive(link: socket.socket) -> tuple[bytes, list[int]]:
    """What has arrived, with the file descriptors attached to it; empty at the end."""
    data, fds, _, _ = socket.recv_fds(link, 65536, MOST_FDS)
    return data, list(fds)
