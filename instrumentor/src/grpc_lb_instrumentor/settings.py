"""The instrumentor's settings, from the environment, a configuration file and the caller."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from grpc_lb_instrumentor import names

ENV_EXCLUDED_SERVICES = "OTEL_PYTHON_GRPC_EXCLUDED_SERVICES"
"""The variable of opentelemetry-instrumentation-grpc: comma-separated, fully qualified service names."""
ENV_STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"
"""OpenTelemetry's variable: comma-separated, of which ``rpc`` and ``rpc/dup`` concern RPCs."""


class Conventions(Enum):
    """Which semantic conventions RPCs follow: the values of ``OTEL_SEMCONV_STABILITY_OPT_IN``."""

    AS_BEFORE = ""
    """Metrics and our own spans follow the stable conventions; spans in upstream's place, upstream's."""
    STABLE = "rpc"
    """Spans in upstream's place have the stable attributes, too."""
    BOTH = "rpc/dup"
    """The same, and our spans and metrics follow the old conventions in addition."""

    @classmethod
    def chosen_by(cls, listed: Iterable[str]) -> "Conventions":
        """Choose by the variable's values; values that do not concern RPCs are ignored."""
        values = {value.strip() for value in listed}
        if cls.BOTH.value in values:
            return cls.BOTH
        return cls.STABLE if cls.STABLE.value in values else cls.AS_BEFORE


@dataclass(frozen=True)
class Options:
    """The arguments of ``instrument``, and the entry ``grpc_lb`` of a configuration file. None: not set.

    Each means what the environment variable of the same name means.
    """

    resolver_disabled: bool | None = None
    subchannel_disabled: bool | None = None
    capture_request_metadata: list[str] | None = None
    excluded_services: list[str] | None = None


_KNOWN = frozenset({"enabled", "stability_opt_in_list", *(field.name for field in fields(Options))})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, read once when the instrumentor is switched on."""

    disabled: bool
    resolver: bool
    subchannels: bool
    captured_metadata: tuple[str, ...]  # request metadata keys, lower case
    excluded_services: frozenset[str]
    conventions: Conventions = Conventions.AS_BEFORE

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that ``names`` lists; a missing one has its default."""
        return cls(
            disabled=_is_true(environ, names.ENV_DISABLED),
            resolver=not _is_true(environ, names.ENV_RESOLVER_DISABLED),
            subchannels=not _is_true(environ, names.ENV_SUBCHANNEL_DISABLED),
            captured_metadata=tuple(key.lower() for key in _listed(environ, names.ENV_CAPTURE_METADATA)),
            excluded_services=frozenset(_listed(environ, ENV_EXCLUDED_SERVICES)),
            conventions=Conventions.chosen_by(_listed(environ, ENV_STABILITY)),
        )

    def with_options(self, options: Mapping[str, Any]) -> "Settings":
        """Return these settings, changed by what ``options`` set; ``enabled: false`` switches off.

        Raises ValueError for an unknown option, or for a value of the wrong type.
        """
        said = {name: value for name, value in options.items() if value is not None}
        changes: dict[str, Any] = {}
        if not _truth(said, "enabled", default=True):
            changes["disabled"] = True  # what the environment switches off stays off
        if "resolver_disabled" in said:
            changes["resolver"] = not _truth(said, "resolver_disabled")
        if "subchannel_disabled" in said:
            changes["subchannels"] = not _truth(said, "subchannel_disabled")
        if "capture_request_metadata" in said:
            keys = _texts(said, "capture_request_metadata")
            changes["captured_metadata"] = tuple(key.lower() for key in keys)
        if "excluded_services" in said:
            changes["excluded_services"] = frozenset(_texts(said, "excluded_services"))
        if "stability_opt_in_list" in said:
            changes["conventions"] = Conventions.chosen_by(str(said["stability_opt_in_list"]).split(","))
        unknown = (
            said.keys() - {field.name for field in fields(Options)} - {"enabled", "stability_opt_in_list"}
        )
        if unknown:
            raise ValueError(f"there is no option {', '.join(sorted(unknown))}")
        return replace(self, **changes)

    def excludes(self, path: str) -> bool:
        """Return whether the path ``/pkg.Service/Method`` belongs to an excluded service."""
        return path.lstrip("/").partition("/")[0] in self.excluded_services


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() == "true"


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return [item.strip() for item in environ.get(name, "").split(",") if item.strip()]


def _truth(options: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = options.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, and must be true or false")  # noqa: TRY004  # told to the user
    return value


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    value = options[name]
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name} is {value!r}, and must be a list of names")  # noqa: TRY004  # the same
    return [str(item) for item in value]
