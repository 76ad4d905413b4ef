"""What a backend lacks is told by the ledger; what cannot be read at all is an error of one line."""

from dataclasses import replace
from pathlib import Path

import pytest
from lbstudy.backends.http import BackendError
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.runs import latest_run, read_facts
from lbstudy.backends.source import StackSource
from lbstudy.store.forward import send_last
from lbstudy.traces import names
from lbstudy.traces.encode import encode
from lbstudy.traces.otlp import request_of

from tests.backends.conftest import Read
from tests.backends.made_up import MadeUpRun, facts
from tests.stack.parts import Stack, free_ports
from tests.stack.sent import eventually, value


def _has(stack: Stack, run: MadeUpRun, spans: int) -> bool:
    """Whether Jaeger has the run's facts and so many spans of it."""
    try:
        read_facts(Jaeger(stack.jaeger), run.run_id)
    except BackendError:
        return False
    found = {
        span.span_id
        for groups in Jaeger(stack.jaeger).traces(run.zero, run.zero + round(run.duration * 1e9))
        for group in groups
        if group.attributes["lbstudy.run.id"] == run.run_id and group.attributes["service.name"] != "lbstudy"
        for _, span in group.spans()
    }
    return len(found) == spans


def _is_counted(stack: Stack, run: MadeUpRun) -> bool:
    counted = (
        f'sum(max_over_time(rpc_client_call_duration_seconds_count{{lbstudy_run_id="{run.run_id}"}}[5m]))'
    )
    return value(stack, counted, run.zero / 1e9 + 60) == run.rpcs


def test_a_whole_run_closes_and_others_are_left_out(stack: Stack, made_up: MadeUpRun, read: Read) -> None:
    other = replace(made_up, run_id=made_up.run_id + "-other", rpcs=100)
    for run in (made_up, other):
        run.send_spans(stack.otlp_grpc)
        run.send_spans(stack.otlp_grpc)  # OTLP delivers at least once: a span that is there twice counts once
        run.send_metrics(stack.otlp_grpc)
        run.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, made_up, 2 * made_up.rpcs) and _is_counted(stack, made_up))
    eventually(lambda: _has(stack, other, 2 * other.rpcs) and _is_counted(stack, other))

    found = read(made_up.run_id)

    assert found.result.ledger_closes
    assert len(found.lanes[0].rpcs) == made_up.rpcs
    assert len(found.lanes[0].usage.at) == 10 * (int(made_up.duration) + 2)


def test_spans_that_jaeger_lacks_are_open_in_the_ledger(stack: Stack, made_up: MadeUpRun, read: Read) -> None:
    replace(made_up, rpcs=made_up.rpcs - 1).send_spans(stack.otlp_grpc)
    made_up.send_metrics(stack.otlp_grpc)
    made_up.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, made_up, 2 * made_up.rpcs - 2) and _is_counted(stack, made_up))

    open_entries = read(made_up.run_id).open_entries

    assert {"RPC spans", "code OK", "answers by server", "RPCs by server", "RPC metrics"} <= open_entries


def test_what_prometheus_lacks_is_open_in_the_ledger(stack: Stack, made_up: MadeUpRun, read: Read) -> None:
    made_up.send_spans(stack.otlp_grpc)
    made_up.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, made_up, 2 * made_up.rpcs))

    assert read(made_up.run_id).open_entries == {"RPC metrics"}


def test_facts_that_are_missing_are_an_error(stack: Stack, made_up: MadeUpRun, tmp_path: Path) -> None:
    root, *points = encode(facts(made_up))
    assert send_last(stack.otlp_grpc, request_of([root, *points[1:]], made_up.run_id))
    jaeger = Jaeger(stack.jaeger)
    eventually(lambda: bool(jaeger.trace(names.trace_id(made_up.run_id))))

    with pytest.raises(BackendError, match=r"1 of the run's \d+ facts are missing"):
        StackSource.read(jaeger, Prometheus(stack.prometheus), made_up.run_id, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_run_is_told_with_those_that_are_there(stack: Stack, made_up: MadeUpRun) -> None:
    made_up.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, made_up, 0))

    with pytest.raises(BackendError, match=r"does not have the run none; it has .*") as raised:
        read_facts(Jaeger(stack.jaeger), "none")
    assert made_up.run_id in str(raised.value)


def test_the_latest_run_is_the_one_whose_load_started_last(stack: Stack, made_up: MadeUpRun) -> None:
    later = replace(made_up, run_id=made_up.run_id + "-later", zero=made_up.zero + 3_600_000_000_000)
    later.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, later, 0))
    made_up.send_facts(stack.otlp_grpc)
    eventually(lambda: _has(stack, made_up, 0))

    assert latest_run(Jaeger(stack.jaeger)) == later.run_id


def test_nobody_there_and_somebody_else_there(stack: Stack) -> None:
    nobody = f"http://127.0.0.1:{free_ports().jaeger}"

    with pytest.raises(BackendError, match=f"{nobody}: cannot be reached: .*refused"):
        Jaeger(nobody).trace("0" * 32)
    with pytest.raises(BackendError, match=f"{nobody}: cannot be reached: .*refused"):
        Prometheus(nobody).query("up", 0)
    with pytest.raises(BackendError, match="is not a Jaeger with the API v3"):
        Jaeger(stack.prometheus).trace("0" * 31 + "1")
    with pytest.raises(BackendError, match="is not a Prometheus server"):
        Prometheus(stack.jaeger).query("up", 0)
    with pytest.raises(BackendError, match=r"answered with HTTP 400: .*parse error"):
        Prometheus(stack.prometheus).query("up{", 0)
    with pytest.raises(BackendError, match="expected the URL of Jaeger"):
        Jaeger("localhost:16686")
