"""The duration histograms of the stable semantic conventions, with the server's pod name."""

from collections.abc import Mapping
from typing import Final

import grpc
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.points import Point

_CACHED_SETS: Final = 4096  # pods come and go: the cache is emptied when it has so many attribute sets

CLIENT_ERRORS: Final = frozenset(grpc.StatusCode) - {grpc.StatusCode.OK}
SERVER_ERRORS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes that are a server's fault; others are its client's (semantic conventions for gRPC)."""


class Durations:
    """One of the two histograms, in seconds."""

    __slots__ = ("_errors", "_histogram", "_old", "_points")

    def __init__(
        self, meter: Meter, name: str, errors: frozenset[grpc.StatusCode], old: str | None = None
    ) -> None:
        """Create the histogram ``name``; codes in ``errors`` get an ``error.type``.

        ``old`` names a second histogram, in milliseconds, which follows the deprecated conventions.
        """
        self._old = (
            None if old is None else meter.create_histogram(old, unit="ms", description="Duration of RPCs")
        )
        self._histogram = meter.create_histogram(
            name,
            unit="s",
            description="Duration of RPCs, from the call to its end",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._errors = errors
        # By the code's id: hashing an enumeration's member runs Python code, and members are never deleted.
        self._points: dict[tuple[str, int, str | None], Point] = {}

    def record(
        self,
        seconds: float,
        path: str,
        code: grpc.StatusCode,
        pod: str | None,
        context: Context | None = None,
    ) -> None:
        """Record one RPC of ``path``, "/pkg.Service/Method"; ``context`` has its span (None: the current)."""
        key = (path, id(code), pod)
        point = self._points.get(key)
        if point is None:
            if len(self._points) >= _CACHED_SETS:
                self._points.clear()
            point = self._points[key] = Point(self._histogram, self._describe(path, code, pod))
        point.record(seconds, context)
        if self._old is not None:
            self._old.record(seconds * 1000, _describe_as_before(path, code), context)

    def _describe(self, path: str, code: grpc.StatusCode, pod: str | None) -> Mapping[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {
            names.RPC_SYSTEM_NAME: "grpc",
            names.RPC_METHOD: path.lstrip("/"),
            names.RPC_STATUS_CODE: code.name,
        }
        if code in self._errors:
            attributes[names.ERROR_TYPE] = code.name
        if pod is not None:
            attributes[names.SERVER_POD] = pod
        return attributes


def _describe_as_before(path: str, code: grpc.StatusCode) -> Mapping[str, AttributeValue]:
    service, _, method = path.lstrip("/").partition("/")
    return {
        names.RPC_SYSTEM: "grpc",
        names.RPC_SERVICE: service,
        names.RPC_METHOD: method,
        names.RPC_GRPC_STATUS_CODE: code.value[0],
    }
