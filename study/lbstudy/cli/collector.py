"""Which Collector a run is sent on to: the one that was asked for."""

from urllib.parse import urlsplit

from lbstudy.cli.failure import UsageError


def collector_endpoint(asked: str) -> str:
    """The endpoint of ``--otlp``, as "http://HOST:PORT" or "https://HOST:PORT".

    Without a scheme it is plain text, as the ports of 4317 are. Raises UsageError for anything else.
    """
    text = asked if "://" in asked else f"http://{asked}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in {"http", "https"} or not parts.hostname or port is None or not is_bare:
        raise UsageError(f"--otlp: expected an OTLP/gRPC endpoint as http://127.0.0.1:4317, found {asked!r}")
    return f"{parts.scheme}://{parts.netloc}"
