"""What switches the instrumentor and its parts on and off: the environment, a file, its own failures."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc._channel
import pytest
from grpc_lb_instrumentor import GrpcLbInstrumentor, names
from grpc_lb_instrumentor.settings import ENV_EXCLUDED_SERVICES, ENV_STABILITY, Conventions, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = re.search(r"```yaml\n(.*?)```", (ROOT / "instrumentor" / "README.md").read_text(), re.DOTALL)

REPORT = """
import json, grpc, grpc._channel
from grpc_lb_instrumentor import GrpcLbInstrumentor
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient
ours = GrpcLbInstrumentor()
channel = grpc.insecure_channel("dns:///name.invalid:1")
rpcs = channel.unary_unary("/a.B/C")
settings = ours._channels and ours._channels._telemetry.settings
print(json.dumps({
    "ours": hasattr(grpc._channel.Channel.__init__, "__wrapped__"),
    "upstream": GrpcInstrumentorClient().is_instrumented_by_opentelemetry,
    "keys": settings and settings.captured_metadata,
    "excluded": settings and sorted(settings.excluded_services),
    "subchannels": settings and settings.subchannels,
}))
"""


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({names.ENV_DISABLED: "true"}, {"enabled": False}),
        ({names.ENV_DISABLED: "false"}, {"enabled": True}),
        ({names.ENV_RESOLVER_DISABLED: "true"}, {"resolver_disabled": True}),
        ({names.ENV_SUBCHANNEL_DISABLED: "true"}, {"subchannel_disabled": True}),
        ({names.ENV_CAPTURE_METADATA: "X-A, b"}, {"capture_request_metadata": ["X-A", "b"]}),
        ({ENV_EXCLUDED_SERVICES: "a.B,c.D"}, {"excluded_services": ["a.B", "c.D"]}),
        ({ENV_STABILITY: "http,rpc/dup"}, {"stability_opt_in_list": "http,rpc/dup"}),
    ],
)
def test_environment_and_file_say_the_same(variables: dict[str, str], options: dict[str, Any]) -> None:
    assert Settings.from_environment(variables) == Settings.from_environment({}).with_options(options)


def test_what_is_no_option_is_refused() -> None:
    settings = Settings.from_environment({})
    for wrong in ({"resolver": True}, {"enabled": "no"}, {"capture_request_metadata": "x-a"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            settings.with_options(wrong)


@pytest.mark.parametrize(
    ("value", "conventions"),
    [
        ("", Conventions.AS_BEFORE),
        ("http/dup", Conventions.AS_BEFORE),
        ("http, rpc", Conventions.STABLE),
        ("rpc,rpc/dup", Conventions.BOTH),  # the latter takes precedence, by the conventions
    ],
)
def test_the_conventions_that_are_opted_in_to(value: str, conventions: Conventions) -> None:
    assert Settings.from_environment({ENV_STABILITY: value}).conventions is conventions


def started_with(file: Path) -> dict[str, Any]:
    env = {**os.environ, "OTEL_CONFIG_FILE": str(file)}
    for name in (names.ENV_RESOLVER_DISABLED, names.ENV_SUBCHANNEL_DISABLED):
        env.pop(name, None)
    agent = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    done = subprocess.run(
        [agent, sys.executable, "-c", REPORT], env=env, check=True, capture_output=True, text=True
    )
    assert "grpc_lb" not in done.stderr, done.stderr
    assert "GrpcLb" not in done.stderr, done.stderr
    assert "already instrumented" not in done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.partition("\n")[0])  # console exporters follow
    return told


@pytest.mark.parametrize("enabled", [True, False])
def test_the_readmes_configuration_file_takes_effect(tmp_path: Path, enabled: bool) -> None:
    assert EXAMPLE is not None
    text = EXAMPLE[1]
    # Nothing is exported from here.
    text = re.sub(
        r"\{(batch|periodic): \{exporter: \{otlp_grpc: \{[^}]*\}\}\}\}",
        r"{\1: {exporter: {console: }}}",
        text,
    )
    if not enabled:
        text = text.replace("# enabled: false", "enabled: false")
    file = tmp_path / "otel.yaml"
    file.write_text(text)

    told = started_with(file)

    assert told["upstream"]
    assert told["ours"] is enabled
    if enabled:
        assert told == told | {
            "keys": ["x-tenant"],
            "excluded": ["grpc.health.v1.Health"],
            "subchannels": False,
        }


def test_a_failure_is_one_warning_and_nothing_is_left_behind(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc_lb_instrumentor.server.servers", None)  # cannot be imported
    instrumentor = GrpcLbInstrumentor()
    try:
        instrumentor.instrument()  # raises nothing: opentelemetry-instrument would stop at it
        assert not hasattr(grpc._channel.Channel.__init__, "__wrapped__")
    finally:
        instrumentor.uninstrument()
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "gRPC is not instrumented" in warning.getMessage()
    assert "server.servers" in warning.getMessage()
    caplog.clear()


def test_loading_the_instrumentor_needs_nothing_that_may_be_broken() -> None:
    # The loader of opentelemetry-instrument gives up everything when an import raises another error.
    program = "import sys, grpc_lb_instrumentor.instrumentor; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    ours = {name for name in loaded if name.startswith("grpc_lb_instrumentor.")}
    assert ours == {
        f"grpc_lb_instrumentor.{name}" for name in ("declared", "instrumentor", "names", "settings")
    }
    assert "grpc" not in loaded
