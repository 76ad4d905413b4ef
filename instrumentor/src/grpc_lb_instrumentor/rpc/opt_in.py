"""Chooses the conventions that a span follows, as ``OTEL_SEMCONV_STABILITY_OPT_IN`` says."""

import grpc
from opentelemetry.trace import Tracer

from grpc_lb_instrumentor.rpc.shapes import Attributes, Shape, StableShape
from grpc_lb_instrumentor.rpc.upstream import OldAttributes
from grpc_lb_instrumentor.settings import Conventions


def chosen(
    conventions: Conventions, shape: Shape | None, tracer: Tracer, errors: frozenset[grpc.StatusCode]
) -> Shape:
    """Return the shape to use for spans of ``shape``; if that is None, for this package's own spans."""
    match conventions:
        case Conventions.AS_BEFORE:
            return shape or StableShape(tracer, errors)
        case Conventions.STABLE:
            return StableShape(tracer, errors) if shape is None else _InPlaceOf(shape, errors)
        case Conventions.BOTH:
            return _Both(shape or StableShape(tracer, errors), errors)


class _InPlaceOf(StableShape):
    """The stable conventions, with the tracer, the filter and the hooks of another shape."""

    def __init__(self, shape: Shape, errors: frozenset[grpc.StatusCode]) -> None:
        super().__init__(shape.tracer, errors)
        self.taken = shape.taken
        self.request_hook = shape.request_hook
        self.response_hook = shape.response_hook
        self._shape = shape

    def skips(self, path: str) -> bool:
        return self._shape.skips(path)


class _Both(_InPlaceOf):
    """Both conventions. Name, status and ``rpc.method`` can have only one value: the stable one."""

    _old = OldAttributes()

    def opening(self, path: str) -> Attributes:
        return {**self._old.opening(path), **super().opening(path)}

    def closing(self, code: grpc.StatusCode) -> Attributes:
        return {**self._old.closing(code), **super().closing(code)}

    def peer(self, peer: str) -> Attributes:
        return {**self._old.peer(peer), **super().peer(peer)}
