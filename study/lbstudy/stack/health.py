"""Whether a part is ready, and who else has its ports."""

import http.client
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable
from urllib.error import URLError

from lbstudy.stack.ports import HOST

_POLL = 0.1  # s
_ANSWER = 2.0  # s, for one answer


def is_ready(url: str) -> bool:
    """Whether a health check answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER) as answer:  # noqa: S310 - an http URL of our own
            return bool(answer.status == http.client.OK)
    except (URLError, OSError, http.client.HTTPException):
        return False


def await_ready(url: str, alive: Callable[[], bool], within: float) -> bool:
    """Wait until a part is ready; False when it has ended instead, or is not ``within`` seconds."""
    until = time.monotonic() + within
    while not is_ready(url):
        if not alive() or time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True


def taken(ports: Iterable[int]) -> list[int]:
    """Return those of the ports on which something listens already."""
    return [port for port in ports if not _is_free(port)]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers in TIME_WAIT is free
        try:
            one.bind((HOST, port))
        except OSError:
            return False
    return True
