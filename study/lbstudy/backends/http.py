"""HTTP GET requests to a backend, and their errors."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request

from lbstudy.direct import opener

_WITHIN: Final = 60.0  # s without a byte, in case a backend hangs
_opener: Final = opener()


class BackendError(Exception):
    """A backend does not answer, or does not have the run. The message is one line for the user."""


class RefusedError(BackendError):
    """The backend answered with an error of its own."""

    def __init__(self, url: str, status: int, body: bytes) -> None:
        text = body.decode(errors="replace")
        said = _said(text)
        reason = " ".join((text if said is None else said).split())[:200]
        super().__init__(f"{url}: answered with HTTP {status}: {reason}")
        self.status = status
        self.is_json = said is not None  # it is the backend's own error, not that of another web server


def base_url(url: str, backend: str) -> str:
    """Return the URL without a slash at its end. Raises BackendError if it is not an HTTP URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise BackendError(f"{url}: expected the URL of {backend}, such as http://127.0.0.1:9090")
    return url.rstrip("/")


def get(base: str, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
    """Return a backend's answer.

    Raises:
        RefusedError: it answered with an error.
        BackendError: it cannot be reached.
    """
    url = f"{base}{path}?{urlencode(query)}" if query else base + path
    try:
        # base_url has looked at the scheme.
        request = Request(url, headers=dict(headers or {}))  # noqa: S310 - see above
        with _opener.open(request, timeout=_WITHIN) as answer:
            body: bytes = answer.read()
    except HTTPError as error:
        with error:
            raise RefusedError(base, error.code, error.read()) from error
    except (OSError, HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or error
        raise BackendError(f"{base}: cannot be reached: {reason}") from error
    return body


def _said(text: str) -> str | None:
    """Return the text of a JSON error, as Jaeger (error.message) and Prometheus (error) write it."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return None
