"""What the environment asks of the instrumentor."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from grpc_lb_instrumentor import names

ENV_EXCLUDED_SERVICES = "OTEL_PYTHON_GRPC_EXCLUDED_SERVICES"
"""The variable of opentelemetry-instrumentation-grpc: comma-separated, fully qualified service names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The switches, read once when the instrumentor is switched on."""

    disabled: bool
    resolver: bool
    subchannels: bool
    captured_metadata: tuple[str, ...]  # request metadata keys, lower case
    excluded_services: frozenset[str]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that ``names`` lists; what is not set has its default."""
        return cls(
            disabled=_is_true(environ, names.ENV_DISABLED),
            resolver=not _is_true(environ, names.ENV_RESOLVER_DISABLED),
            subchannels=not _is_true(environ, names.ENV_SUBCHANNEL_DISABLED),
            captured_metadata=tuple(key.lower() for key in _listed(environ, names.ENV_CAPTURE_METADATA)),
            excluded_services=frozenset(_listed(environ, ENV_EXCLUDED_SERVICES)),
        )

    def excludes(self, path: str) -> bool:
        """Tell whether the RPC of this path, ``/pkg.Service/Method``, is of an excluded service."""
        return path.lstrip("/").partition("/")[0] in self.excluded_services


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() == "true"


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return [item.strip() for item in environ.get(name, "").split(",") if item.strip()]
