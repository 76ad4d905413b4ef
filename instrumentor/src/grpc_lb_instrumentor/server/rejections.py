"""Adds the pod's name when a synchronous server refuses an RPC before a handler runs.

When RPCs end with RESOURCE_EXHAUSTED, users want to know which pod sheds load. One function of grpcio refuses
them, and sends no metadata of its own.
"""

# ruff: noqa: ANN401, SLF001  # events and states are grpc's; there is no public way

import inspect
import logging
from collections.abc import Callable
from typing import Any, Final

import grpc._server
from grpc._cython import cygrpc
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from grpc_lb_instrumentor.rpc.metadata import Pairs, asks

_logger = logging.getLogger(__name__)

_NAME: Final = "_reject_rpc"
_PARAMETERS: Final = ("rpc_event", "rpc_state", "status", "details")


class Rejections:
    """The wrapped function, between ``install`` and ``remove``."""

    def __init__(self, pairs: Callable[[], Pairs]) -> None:
        """Send what ``pairs`` returns to clients that ask for the name."""
        self._pairs = pairs
        self._wrapped = False

    def install(self) -> None:
        """Wrap the function; if grpcio is not as expected, leave it alone."""
        refuse = getattr(grpc._server, _NAME, None)
        if refuse is None or tuple(inspect.signature(refuse).parameters) != _PARAMETERS:
            _logger.debug("this version of grpcio refuses RPCs in a new way: refused RPCs name no pod")
            return
        wrap_function_wrapper(grpc._server, _NAME, self._refuse)
        self._wrapped = True

    def remove(self) -> None:
        """Unwrap the function."""
        if self._wrapped:
            unwrap(grpc._server, _NAME)
            self._wrapped = False

    def _refuse(
        self, wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        def refuse(rpc_event: Any, rpc_state: Any, status: Any, details: Any) -> Any:
            if asks(rpc_event.invocation_metadata):
                last = cygrpc.SendStatusFromServerOperation(self._pairs(), status, details, 0)
                rpc_event = _Event(rpc_event, last)
            return wrapped(rpc_event, rpc_state, status, details)

        return refuse(*args, **kwargs)


class _Event:
    """What grpcio's function reads of an event: a call, on which it starts one batch of operations."""

    def __init__(self, event: Any, last: Any) -> None:
        self.call = self
        self._event = event
        self._last = last

    def start_server_batch(self, operations: tuple[Any, ...], tag: Any) -> Any:
        """Start the batch with its last operation, which sends the status, replaced by one with metadata."""
        return self._event.call.start_server_batch((*operations[:-1], self._last), tag)
