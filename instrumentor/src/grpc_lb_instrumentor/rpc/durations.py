"""The duration histograms of the stable semantic conventions, with the server's pod name."""

from collections.abc import Mapping
from typing import Final

import grpc
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.points import Point

_CACHED_SETS: Final = 4096  # pods come and go: the cache is emptied when so many attribute sets were seen

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
"""The codes that are a server's fault; the others are its client's (semantic conventions for gRPC)."""


class Durations:
    """One of the two histograms, in seconds."""

    __slots__ = ("_errors", "_histogram", "_points")

    def __init__(self, meter: Meter, name: str, errors: frozenset[grpc.StatusCode]) -> None:
        """Create the histogram ``name``; codes in ``errors`` get an ``error.type``."""
        self._histogram = meter.create_histogram(
            name,
            unit="s",
            description="Duration of RPCs, from the call to its end",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._errors = errors
        # By the code's id: an enumeration's members are hashed in Python, at some cost, and never go away.
        self._points: dict[tuple[str, int, str | None], Point] = {}

    def record(
        self,
        seconds: float,
        path: str,
        code: grpc.StatusCode,
        pod: str | None,
        context: Context | None = None,
    ) -> None:
        """Record one RPC of ``path``, "/pkg.Service/Method"; ``context`` is its span's, None: the current."""
        key = (path, id(code), pod)
        point = self._points.get(key)
        if point is None:
            if len(self._points) >= _CACHED_SETS:
                self._points.clear()
            point = self._points[key] = Point(self._histogram, self._describe(path, code, pod))
        point.record(seconds, context)

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
