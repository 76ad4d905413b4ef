"""Chooses the Collector that a run sends to: the one of ``--otlp``, or that of a running stack."""

import os
import socket
from typing import Final
from urllib.parse import urlsplit

from lbstudy.cli.failure import UsageError
from lbstudy.run.plan import Collector
from lbstudy.stack import StackError
from lbstudy.stack.ports import Ports
from lbstudy.stack.running import Endpoints, running_stack

_PATIENCE: Final = 0.5  # s to wait for an answer
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def find_collector(asked: str | None, *, refused: bool) -> Collector | None:
    """Return the Collector of a run; None if it sends to none.

    Args:
        asked: the endpoint of ``--otlp``.
        refused: whether ``--no-otlp`` is given.

    Raises:
        UsageError: both options are given, or the endpoint is invalid.
    """
    if refused:
        if asked is not None:
            raise UsageError("--otlp and --no-otlp contradict each other")
        return None
    endpoint = None if asked is None else _endpoint(asked)
    stack = running_stack()
    if stack is not None and endpoint in {None, stack.otlp_grpc}:
        return Collector(stack.otlp_grpc, stack.jaeger, stack.prometheus)
    return None if endpoint is None else _beside(endpoint)


def _beside(endpoint: str) -> Collector:
    """Return a Collector with Jaeger and Prometheus if they answer on the stack's ports of its host.

    ``docker compose up`` leaves no state file, so the ports are tried.
    """
    try:
        stack = Endpoints.of(Ports.from_environment(os.environ))
    except StackError:
        return Collector(endpoint)
    parts = urlsplit(endpoint)
    if parts.hostname not in _THIS_MACHINE or parts.port != urlsplit(stack.otlp_grpc).port:
        return Collector(endpoint)
    return Collector(
        endpoint,
        stack.jaeger if _answers(stack.jaeger) else None,
        stack.prometheus if _answers(stack.prometheus) else None,
    )


def notes_of(collector: Collector, *, is_asked_for: bool) -> list[str]:
    """Return what the user should know about the Collector before the run."""
    if not _answers(collector.endpoint):
        return [f"no Collector answers at {collector.endpoint} yet; telemetry waits until one does"]
    if is_asked_for:
        return []
    return [f"the stack is up: everything is sent to {collector.endpoint} too (not with --no-otlp)"]


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 0), _PATIENCE):
            return True
    except OSError:
        return False


def _endpoint(asked: str) -> str:
    """Return the endpoint as "http://HOST:PORT" or "https://HOST:PORT"; without a scheme it is http."""
    text = asked if "://" in asked else f"http://{asked}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port or not is_bare:
        raise UsageError(
            f"--otlp: expected an OTLP/gRPC endpoint, such as http://127.0.0.1:4317, found {asked!r}"
        )
    return f"{parts.scheme}://{parts.netloc}"
