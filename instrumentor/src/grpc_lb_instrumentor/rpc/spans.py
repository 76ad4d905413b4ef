"""Finding the span of the RPC in hand: opentelemetry-instrumentation-grpc makes it, we add to it."""

from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

UPSTREAM_SCOPE: Final = "opentelemetry.instrumentation.grpc"


def upstream_span(path: str, kind: SpanKind) -> Span | None:
    """Return the current span if it is the recording one that upstream made for this RPC, else None.

    Kind, name and scope are all compared: with upstream absent, or the RPC excluded, the current span is
    the application's own, or another RPC's, and must not be touched.
    """
    span: Any = trace.get_current_span()
    # Only the SDK's recording span has these properties; the API's, and one not sampled, have none.
    if (
        getattr(span, "kind", None) is kind
        and span.name == path
        and span.instrumentation_scope.name.startswith(UPSTREAM_SCOPE)
    ):
        found: Span = span
        return found
    return None
