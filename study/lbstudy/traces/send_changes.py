"""Sends the changes of a run as traces, over OTLP, to wherever its telemetry is kept."""

from collections.abc import Sequence
from typing import Final

from grpc_lb_instrumentor.names import SERVER_POD
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from lbstudy.direct import NO_PROXY
from lbstudy.measures.adaptability import adaptability
from lbstudy.observation import attributes
from lbstudy.result.model import Link
from lbstudy.result.source import Source
from lbstudy.store.errors import StoreError
from lbstudy.traces.change import ChangeTrace, StageSpan, change_traces
from lbstudy.traces.fault import FaultTrace, fault_traces
from lbstudy.traces.otlp import chunks

_NANO: Final = 1_000_000_000


def send_changes(source: Source, endpoint: str) -> int:
    """Send one trace for each server that was added or removed, and for each fault, with any setting.

    Args:
        source: the run.
        endpoint: an OTLP/gRPC receiver, "http://127.0.0.1:4317".

    Returns: how many traces were sent.

    Raises:
        StoreError: the receiver did not accept them.
    """
    run_id, zero = source.provenance().run_id, source.time_zero_unix_nano
    spans: list[ReadableSpan] = []
    sent = 0
    for lane in source.lanes():
        traces, faults = change_traces(adaptability(lane)), fault_traces(lane.faults, lane.end)
        spans.extend(_spans(traces, faults, lane.setting, run_id, zero))
        sent += len(traces) + len(faults)
    exporter = OTLPSpanExporter(
        endpoint=endpoint,
        insecure=True,
        channel_options=(NO_PROXY,),  # type: ignore[arg-type]  # typed as texts, which would not do
    )
    try:
        for chunk in chunks(spans):
            if exporter.export(chunk) is not SpanExportResult.SUCCESS:
                raise StoreError(f"{endpoint}: the traces of the changes could not be sent there")
    finally:
        exporter.shutdown()
    return sent


def _spans(
    traces: Sequence[ChangeTrace], faults: Sequence[FaultTrace], setting: str, run_id: str, zero: int
) -> Sequence[ReadableSpan]:
    """Return the spans as the SDK makes them, in memory, so that no queue can overflow."""
    resource = Resource.create(
        {
            attributes.SERVICE_NAME: attributes.SERVICE_STUDY,
            attributes.RUN_ID: run_id,
            attributes.SETTING: setting,
        }
    )
    memory = InMemorySpanExporter()
    # Every change is kept, whatever sampler the environment names.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("lbstudy.traces")
    for change in traces:
        common = {
            SERVER_POD: change.server,
            attributes.SETTING: setting,
            attributes.RUN_ID: run_id,
        }
        root = tracer.start_span(
            change.name,
            context=trace.set_span_in_context(trace.INVALID_SPAN),
            start_time=_nanos(change.start, zero),
            attributes={**common, attributes.CENSORED: change.is_censored},
        )
        within = trace.set_span_in_context(root)
        for stage in change.stages:
            span = tracer.start_span(
                stage.stage.value,
                context=within,
                start_time=_nanos(stage.start, zero),
                attributes={**common, **_of_stage(stage)},
                links=[_link(stage.link)] if stage.link else None,
            )
            span.end(_nanos(stage.end, zero))
        root.end(_nanos(change.end, zero))
    for fault in faults:
        common = {
            attributes.FAULT: fault.label,
            attributes.SETTING: setting,
            attributes.RUN_ID: run_id,
        }
        root = tracer.start_span(
            attributes.SPAN_FAULT,
            context=trace.set_span_in_context(trace.INVALID_SPAN),
            start_time=_nanos(fault.start, zero),
            attributes={**common, attributes.CENSORED: fault.is_censored},
        )
        for server, start, end in fault.servers:
            tracer.start_span(
                attributes.SPAN_FAULT_ON_SERVER,
                context=trace.set_span_in_context(root),
                start_time=_nanos(start, zero),
                attributes={**common, SERVER_POD: server},
            ).end(_nanos(end, zero))
        root.end(_nanos(fault.end, zero))
    provider.shutdown()
    return memory.get_finished_spans()


def _of_stage(stage: StageSpan) -> dict[str, str | bool]:
    values: dict[str, str | bool] = {
        attributes.STAGE: stage.stage.value,
        attributes.CENSORED: stage.is_censored,
    }
    if stage.client is not None:
        values[attributes.CLIENT] = stage.client
    return values


def _link(link: Link) -> trace.Link:
    return trace.Link(
        trace.SpanContext(
            trace_id=int(link.trace_id, 16),
            span_id=int(link.span_id, 16),
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
    )


def _nanos(at: float, zero: int) -> int:
    return zero + round(at * _NANO)
