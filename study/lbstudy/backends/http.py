"""HTTP GET: the only thing that is asked of a backend."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener

from lbstudy.backends.errors import BackendError

_WITHIN: Final = 60.0  # s without a byte; a guard against a backend that hangs
# The backends of a study are on this machine or in its cluster: no proxy leads there.
_opener: Final = build_opener(ProxyHandler({}))


class RefusedError(BackendError):
    """The backend answered with an error of its own."""

    def __init__(self, url: str, status: int, body: bytes) -> None:
        text = body.decode(errors="replace")
        said = _said(text)
        reason = " ".join((text if said is None else said).split())[:200]
        super().__init__(f"{url}: answered with HTTP {status}: {reason}")
        self.status = status
        self.is_json = said is not None  # it is the backend's own, not that of any web server


def base_url(url: str, backend: str) -> str:
    """The URL without a slash at its end. Raises BackendError when it is none of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise BackendError(f"{url}: expected the URL of {backend}, as http://127.0.0.1:9090")
    return url.rstrip("/")


def get(base: str, path: str, query: Mapping[str, str]) -> bytes:
    """What a backend answers.

    Raises:
        RefusedError: it answered with an error.
        BackendError: it cannot be reached.
    """
    url = f"{base}{path}?{urlencode(query)}" if query else base + path
    try:
        with _opener.open(url, timeout=_WITHIN) as answer:
            body: bytes = answer.read()
    except HTTPError as error:
        with error:
            raise RefusedError(base, error.code, error.read()) from error
    except (OSError, HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or error
        raise BackendError(f"{base}: cannot be reached: {reason}") from error
    return body


def _said(text: str) -> str | None:
    """What an error says in JSON, as Jaeger (error.message) and Prometheus (error) put it."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return None
