"""What the tap and its parent say to each other: JSON lines over a Unix stream socket.

A *line* is an address of the tap, "127.0.0.2:40000", that channels name as their nameserver.

Parent to tap: ``{"open": line, "authority": "1.2.3.4:53" | null}``; ``{"listen": port}`` with the port's UDP
and TCP listener attached; ``{"close": line}``; ``{"unlisten": port}``; ``{"flush": n}``.

Tap to parent: ``{"hello": pid}``; ``{"asked": line}`` at the first query for addresses;
``{"resolution": line, …Report}``; ``{"closed": line}`` after the last of them; ``{"flushed": n}``.
"""

import json
import socket
from typing import Any

from grpc_lb_instrumentor.discovery.tap.resolution import Report, ResolutionResult

MOST_FDS = 64


class MessageReader:
    """Assembles JSON messages from a stream of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the messages that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines if line]


def encode(message: dict[str, Any]) -> bytes:
    """Encode one message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def report_message(line: str, report: Report) -> dict[str, Any]:
    """Return the message by which the tap reports a resolution."""
    return {
        "resolution": line,
        "started": report.started,
        "ended": report.ended,
        "result": report.result.value,
        "question": report.question,
        "addresses": report.addresses,
        "families": report.families,
        "missing": report.missing,
        "questions": report.questions,
        "complete": report.complete,
    }


def read_report(message: dict[str, Any]) -> Report:
    """Return the resolution that such a message reports."""
    return Report(
        message["started"],
        message["ended"],
        ResolutionResult(message["result"]),
        message["question"],
        tuple(message["addresses"]),
        tuple(message["families"]),
        tuple(message["missing"]),
        message["questions"],
        message["complete"],
    )


def receive(link: socket.socket) -> tuple[bytes, list[int]]:
    """Return the bytes that have arrived and the file descriptors attached to them; b"" at the end."""
    data, fds, _, _ = socket.recv_fds(link, 65536, MOST_FDS)
    return data, list(fds)
