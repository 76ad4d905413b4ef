"""A pod forked from the node is what a fresh, auto-instrumented interpreter would be."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from greeter.v1 import greeter_pb2, greeter_pb2_grpc
from lbstudy.platform.interface import ChangeKind, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform

from tests.platform.programs import SERVER

StartPlatform = Callable[..., Awaitable[LocalPlatform]]  # conftest.start_platform
TRACEPARENT = ("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
CONSOLE = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_SERVICE_NAME": "greeter-server",
    "OTEL_RESOURCE_ATTRIBUTES": (
        "k8s.pod.name=$(POD_NAME),service.instance.id=$(POD_NAMESPACE).$(POD_NAME).greeter"
    ),
    "OTEL_PYTHON_GRPC_EXCLUDED_SERVICES": "grpc.health.v1.Health",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "grpc_lb,system_metrics",
}


async def serve_one(platform: LocalPlatform, env: dict[str, str]) -> tuple[str, str, str]:
    """Run a pod, call it once with a trace context, end it; returns its name and what it wrote."""
    await platform.create_servers(ServerSpec("greeter", 1, 0.0, 0.0, 1.0, env=env, program=SERVER))
    async with asyncio.timeout(60):
        async for change in platform.changes():
            if change.kind == ChangeKind.READY:
                break
    async with grpc.aio.insecure_channel(f"ipv4:{change.address}") as channel:
        reply = await greeter_pb2_grpc.GreeterServiceStub(channel).SayHello(
            greeter_pb2.SayHelloRequest(), metadata=(TRACEPARENT,)
        )
    pod = reply.pod_name
    await platform.aclose()
    out = await platform.logs(pod)
    return pod, out.read_text(), out.with_suffix(".err").read_text()


def spans(text: str) -> list[dict[str, Any]]:
    """The JSON objects of several lines that the console exporter writes between the program's events."""
    decoder = json.JSONDecoder()
    found = []
    position = text.find("{")
    while position >= 0:
        value, end = decoder.raw_decode(text, position)
        found.append(value)
        position = text.find("{", end)
    return [value for value in found if "context" in value]


async def test_without_otel_settings_a_pod_is_bare(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    _, out, errors = await serve_one(platform, {})

    assert [json.loads(line)["event"] for line in out.splitlines()] == ["serving", "draining", "stopped"]
    assert errors == ""


async def test_with_them_it_is_instrumented_as_itself(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    pod, out, _ = await serve_one(platform, CONSOLE)
    (span,) = spans(out)

    assert span["name"] == "/greeter.v1.GreeterService/SayHello"
    assert span["parent_id"] == "0x0123456789abcdef"
    resource = span["resource"]["attributes"]
    assert resource["service.name"] == "greeter-server"
    assert resource["k8s.pod.name"] == pod
    assert resource["service.instance.id"] == f"lbstudy.{pod}.greeter"


async def test_the_propagators_are_the_pods_and_not_the_nodes(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    _, out, _ = await serve_one(platform, {**CONSOLE, "OTEL_PROPAGATORS": "baggage"})
    (span,) = spans(out)

    assert span["parent_id"] is None  # the trace context was not understood


async def test_grpc_reads_the_pods_environment(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    _, _, errors = await serve_one(platform, {"GRPC_VERBOSITY": "debug", "GRPC_TRACE": "http"})

    assert "chttp2_transport" in errors


async def test_a_users_environment_does_not_leak_in(
    start_platform: StartPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    platform = await start_platform()
    _, out, _ = await serve_one(platform, {})

    assert spans(out) == []
