"""What each language's own instrumentation sends: one span an RPC, with the environment's resource."""

import signal
from collections.abc import AsyncIterator

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.subjects.conftest import Run, Serve
from tests.subjects.programs import OTHERS, Language
from tests.subjects.test_programs import lines


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans over OTLP."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []

    async def Export(  # noqa: N802  # the stub's name
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for one in request.resource_spans:
            self.resources.append({pair.key: pair.value.string_value for pair in one.resource.attributes})
            for scope in one.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    server = grpc.aio.server()
    made = Receiver()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call]
    made.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield made
    await server.stop(None)


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.name)
async def test_each_rpc_is_a_client_span_whose_context_the_server_gets(
    language: Language, receiver: Receiver, serve: Serve, run: Run, net: str
) -> None:
    language.need()
    server = await serve("server-1", f"{net}.1:0")
    program = await run(
        language.command,
        *(
            "--target",
            f"dns:///{net}.1:{server.port}",
            "--duration",
            "600",
            "--timeout",
            "120",
            "--max-lateness",
            "120",
        ),
        env={
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_SERVICE_NAME": "greeter-client",
            "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=client-1,lbstudy.run=7",
        },
    )
    await server.called()
    program.process.send_signal(signal.SIGTERM)
    tally = (await lines(program))[-1]["tally"]
    assert isinstance(tally, dict)
    calls = [span for span in receiver.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert len(calls) == tally["sent"] == len(server.trace_parents)
    assert {span.name for span in calls} == {"greeter.v1.GreeterService/SayHello"} or {
        span.name for span in calls
    } == {"grpc.greeter.v1.GreeterService/SayHello"}
    theirs = {parent.split("-")[2] for parent in server.trace_parents}
    assert theirs == {span.span_id.hex() for span in calls}
    for resource in receiver.resources:
        assert resource["service.name"] == "greeter-client"
        assert resource["k8s.pod.name"] == "client-1"
        assert resource["lbstudy.run"] == "7"
