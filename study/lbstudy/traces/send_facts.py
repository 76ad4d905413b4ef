"""Sends the run's facts to wherever its telemetry is kept."""

from typing import Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from lbstudy.direct import NO_PROXY
from lbstudy.store.errors import StoreError
from lbstudy.traces.encode import encode
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.otlp import chunks, request_of

_WITHIN: Final = 30.0  # s for each request


def send_facts(facts: RunFacts, endpoint: str) -> int:
    """Send the trace of a run's facts.

    Args:
        facts: the run's facts.
        endpoint: an OTLP/gRPC receiver, "http://127.0.0.1:4317".

    Returns: how many spans were sent.

    Raises:
        StoreError: the receiver did not accept them.
    """
    spans = encode(facts)
    run_id = facts.description.provenance.run_id
    with grpc.insecure_channel(endpoint.removeprefix("http://"), options=[NO_PROXY]) as channel:
        stub = TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # opentelemetry-proto has no types for it
        for chunk in chunks(spans):
            _send(stub, request_of(chunk, run_id), endpoint)
    return len(spans)


def _send(stub: TraceServiceStub, request: ExportTraceServiceRequest, endpoint: str) -> None:
    try:
        response = stub.Export(request, timeout=_WITHIN)
    except grpc.RpcError as error:
        details = error.details() if isinstance(error, grpc.Call) else str(error)
        raise StoreError(f"{endpoint}: the run's facts could not be sent there: {details}") from error
    if response.partial_success.rejected_spans:
        raise StoreError(
            f"{endpoint}: did not take the run's facts: {response.partial_success.error_message}"
        )
