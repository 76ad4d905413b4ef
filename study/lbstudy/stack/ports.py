"""The ports of the stack, and the environment variables that change them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lbstudy.stack import StackVariableError

HOST = "127.0.0.1"
"""Where everything listens: none of the parts authenticates its callers."""


def _port(default: int, variable: str, what: str) -> int:
    field: int = dataclasses.field(default=default, metadata={"variable": variable, "what": what})
    return field


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each part. The configuration files use the same variable names."""

    otlp_grpc: int = _port(4317, "LBSTUDY_OTLP_GRPC_PORT", "OTLP/gRPC")
    otlp_http: int = _port(4318, "LBSTUDY_OTLP_HTTP_PORT", "OTLP/HTTP")
    otelcol_health: int = _port(13133, "LBSTUDY_OTELCOL_HEALTH_PORT", "the Collector's health check")
    otelcol_metrics: int = _port(8888, "LBSTUDY_OTELCOL_METRICS_PORT", "the Collector's own metrics")
    jaeger: int = _port(16686, "LBSTUDY_JAEGER_PORT", "Jaeger's web page and API")
    jaeger_grpc: int = _port(16685, "LBSTUDY_JAEGER_GRPC_PORT", "Jaeger's API over gRPC")
    jaeger_otlp: int = _port(4327, "LBSTUDY_JAEGER_OTLP_PORT", "Jaeger's OTLP/gRPC")
    jaeger_health: int = _port(13134, "LBSTUDY_JAEGER_HEALTH_PORT", "Jaeger's health check")
    jaeger_metrics: int = _port(8887, "LBSTUDY_JAEGER_METRICS_PORT", "Jaeger's own metrics")
    prometheus: int = _port(9090, "LBSTUDY_PROMETHEUS_PORT", "Prometheus")
    grafana: int = _port(3000, "LBSTUDY_GRAFANA_PORT", "Grafana")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables that are set; raises StackVariableError for an invalid or repeated port."""
        numbers: dict[str, int] = {}
        for field in dataclasses.fields(cls):
            variable = field.metadata["variable"]
            text = environ.get(variable, "")
            if not text:
                continue
            if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
                raise StackVariableError(f"{variable}: expected a port, 1 to 65535, found {text!r}")
            numbers[field.name] = int(text)
        ports = cls(**numbers)
        seen: dict[int, str] = {}
        for name, port in dataclasses.asdict(ports).items():
            if port in seen:
                raise StackVariableError(
                    f"port {port} is used twice: {_variable(seen[port])}, {_variable(name)}"
                )
            seen[port] = name
        return ports

    def environment(self) -> dict[str, str]:
        """Return the variables for the configuration files."""
        values = dataclasses.asdict(self)
        return {field.metadata["variable"]: str(values[field.name]) for field in dataclasses.fields(self)}


def _variable(name: str) -> str:
    return next(str(field.metadata["variable"]) for field in dataclasses.fields(Ports) if field.name == name)


def describe(port: int, ports: Ports) -> tuple[str, str]:
    """Return what a port is for, and the variable that changes it."""
    for field in dataclasses.fields(ports):
        if getattr(ports, field.name) == port:
            return str(field.metadata["what"]), str(field.metadata["variable"])
    raise LookupError(port)
