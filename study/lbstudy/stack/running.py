"""The stack that is up, for whoever sends to it or reads from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lbstudy.stack.errors import StackError
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
    grafana: str | None  # None: not among the parts

    @classmethod
    def of(cls, ports: Ports, *, grafana: bool = True) -> Self:
        """Return where the parts are that listen on these ports of this machine."""
        return cls(
            otlp_grpc=f"http://{HOST}:{ports.otlp_grpc}",
            otlp_http=f"http://{HOST}:{ports.otlp_http}",
            jaeger=f"http://{HOST}:{ports.jaeger}",
            prometheus=f"http://{HOST}:{ports.prometheus}",
            grafana=f"http://{HOST}:{ports.grafana}" if grafana else None,
        )


def running_stack(folder: Path = DEFAULT_FOLDER) -> Endpoints | None:
    """Return where the stack of ``lbstudy stack up`` is; None when its Collector does not run.

    Looks at processes only, and asks none of the parts. A state that cannot be read is no stack.
    """
    try:
        state = read_state(folder)
    except (StackError, OSError):
        return None
    if state is None:
        return None
    alive = {one.name for one in state.parts if find(one) is not None}
    if "otel-collector" not in alive:
        return None
    return Endpoints.of(state.ports, grafana="grafana" in alive)
