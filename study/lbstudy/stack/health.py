"""Checks whether a part is ready, and whether its ports are taken."""

import http.client
import socket
import time
from collections.abc import Callable, Iterable
from urllib.error import URLError

from lbstudy.direct import opener
from lbstudy.stack.ports import HOST

_POLL = 0.1  # s
_ANSWER = 2.0  # s to wait for one answer
_opener = opener()


def is_ready(url: str) -> bool:
    """Return whether a health check answers 200."""
    try:
        with _opener.open(url, timeout=_ANSWER) as answer:
            return bool(answer.status == http.client.OK)
    except (URLError, OSError, http.client.HTTPException):
        return False


def await_ready(url: str, alive: Callable[[], bool], within: float) -> bool:
    """Wait until a part is ready; False if it ended instead, or is not ready after ``within`` seconds."""
    until = time.monotonic() + within
    while not is_ready(url):
        if not alive() or time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True


def taken(ports: Iterable[int]) -> list[int]:
    """Return the ports on which another program listens."""
    return [port for port in ports if not _is_free(port)]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT counts as free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
