"""The options of a watch, for each command that has one."""

import re
from typing import Annotated, Final

import typer

from lbstudy.cli.failure import UsageError
from lbstudy.platform.kubernetes.api import current_namespace

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ADDRESS: Final = re.compile(r"(?P<host>[^:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})", re.ASCII)
_LARGEST_PORT: Final = 65_535

For = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="TIME", help="End the watch after this time, such as 30m; by default at Ctrl-C."
    ),
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        metavar="URL",
        help="The Prometheus to read; by default one that is found in the cluster, by port-forward.",
    ),
]
JaegerUrl = Annotated[
    str | None,
    typer.Option(
        "--jaeger",
        "--tempo",
        metavar="URL",
        help="Whose spans the watch reads, a Jaeger's or a Tempo's; live, those of the last seconds.",
    ),
]
OtlpListen = Annotated[
    str | None,
    typer.Option(
        "--otlp-listen",
        metavar="HOST:PORT",
        help="Where to receive spans, over OTLP/gRPC; without a host, 127.0.0.1.",
    ),
]


def services_of(given: list[str], context: str | None) -> tuple[str, ...]:
    """Return the Services as "namespace/service". Raises UsageError or PlatformError."""
    services: dict[str, None] = {}
    for text in given:
        namespace, slash, name = text.rpartition("/")
        if not _NAME.fullmatch(name) or (slash and not _NAME.fullmatch(namespace)):
            raise UsageError(f"{text}: expected SERVICE, or NAMESPACE/SERVICE")
        services[f"{namespace or current_namespace(context)}/{name}"] = None
    return tuple(services)


def url(option: str, text: str | None) -> str | None:
    """Return a URL as it was given. Raises UsageError if it is not a URL."""
    if text is not None and not re.fullmatch(r"https?://[^/\s]+\S*", text):
        raise UsageError(f"{option} {text}: expected a URL, such as http://127.0.0.1:9090")
    return text


def address(text: str | None) -> str | None:
    """Return HOST:PORT. Raises UsageError if it is anything else."""
    if text is None:
        return None
    given = f"127.0.0.1{text}" if text.startswith(":") else text
    match = _ADDRESS.fullmatch(given if ":" in given else f"127.0.0.1:{given}")
    if match is None or int(match["port"]) > _LARGEST_PORT:
        raise UsageError(f"--otlp-listen {text}: expected HOST:PORT, such as 127.0.0.1:4317")
    return match[0]
