"""Finds the running stack, for whatever sends to it or reads from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lbstudy.stack import StackError
from lbstudy.stack.ports import HOST, Ports
from lbstudy.stack.process import find
from lbstudy.stack.state import read_state

DEFAULT_FOLDER = Path("runs/.stack")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs, without a slash at the end."""

    otlp_grpc: str
    otlp_http: str
    jaeger: str
    prometheus: str
    grafana: str | None  # None: Grafana was not started

    @classmethod
    def of(cls, ports: Ports, *, grafana: bool = True) -> Self:
        """Return the URLs of parts that listen on these ports of this machine."""
        return cls(
            otlp_grpc=f"http://{HOST}:{ports.otlp_grpc}",
            otlp_http=f"http://{HOST}:{ports.otlp_http}",
            jaeger=f"http://{HOST}:{ports.jaeger}",
            prometheus=f"http://{HOST}:{ports.prometheus}",
            grafana=f"http://{HOST}:{ports.grafana}" if grafana else None,
        )


def running_stack(folder: Path = DEFAULT_FOLDER) -> Endpoints | None:
    """Return the URLs of the stack of ``lbstudy stack up``; None if its Collector does not run.

    Only looks at processes, and sends no requests. If the state cannot be read, there is no stack.
    """
    try:
        state = read_state(folder)
    except (StackError, OSError):
        return None
    if state is None:
        return None
    alive = {part.name for part in state.parts if find(part) is not None}
    if "otel-collector" not in alive:
        return None
    return Endpoints.of(state.ports, grafana="grafana" in alive)
