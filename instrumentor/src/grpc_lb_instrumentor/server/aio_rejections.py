"""Adds the pod's name when a ``grpc.aio`` server refuses an RPC: over its limit, or an unknown method.

Compiled code refuses such RPCs after the interceptors, in place of a handler. It sends the status with a
function that it looks up in its module each time; the metadata are an argument of that function.
"""

# ruff: noqa: ANN401  # calls are grpc's; there is no public way

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from grpc._cython import cygrpc
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from grpc_lb_instrumentor.rpc.metadata import Pairs, asks
from grpc_lb_instrumentor.server.aio import request_metadata

_logger = logging.getLogger(__name__)

_NAME: Final = "_send_error_status_from_server"
_PARAMETERS: Final = (
    "grpc_call_wrapper",
    "code",
    "details",
    "trailing_metadata",
    "send_initial_metadata_op",
    "loop",
)


class AioRejections:
    """The wrapped function, between ``install`` and ``remove``."""

    def __init__(self, pairs: Callable[[], Pairs]) -> None:
        """Send what ``pairs`` returns to clients that ask for the name."""
        self._pairs = pairs
        self._wrapped = False

    def install(self) -> None:
        """Wrap the function; if grpcio is not as expected, leave it alone."""
        refuse = getattr(cygrpc, _NAME, None)
        if refuse is None or tuple(inspect.signature(refuse).parameters) != _PARAMETERS:
            _logger.debug(
                "this version of grpcio refuses RPCs of grpc.aio in a new way: refused RPCs name no pod"
            )
            return
        wrap_function_wrapper(cygrpc, _NAME, self._refuse)
        self._wrapped = True

    def remove(self) -> None:
        """Unwrap the function."""
        if self._wrapped:
            unwrap(cygrpc, _NAME)
            self._wrapped = False

    def _refuse(
        self,
        wrapped: Callable[..., Awaitable[None]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Awaitable[None]:
        def refuse(
            call: Any, code: Any, details: Any, trailing_metadata: tuple[Any, ...], *rest: Any
        ) -> Awaitable[None]:
            # What a handler's context sends already has the name and the metadata that belong to it.
            if not trailing_metadata and asks(request_metadata()):
                trailing_metadata = self._pairs()
            return wrapped(call, code, details, trailing_metadata, *rest)

        return refuse(*args, **kwargs)
