"""Names of gRPC methods (``orders.v1.Orders/Get``), and whether a service config mentions them. No I/O."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, JsonValue

from lbstudy.config.error import clipped

_METHOD = re.compile(r"/?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)/([A-Za-z_]\w*)", re.ASCII)


def _read(value: object) -> object:
    if isinstance(value, str):
        match = _METHOD.fullmatch(value)
        if match is None:
            raise ValueError(
                'expected a method with its service, such as "orders.v1.Orders/Get",'
                f" found {clipped(value)!r}"
            )
        return f"{match[1]}/{match[2]}"
    return value


Method = Annotated[str, BeforeValidator(_read)]


def names_of(service_config: Mapping[str, JsonValue]) -> list[Mapping[str, JsonValue]]:
    """Return every valid ``name`` of a service config's ``methodConfig``."""
    configs = service_config.get("methodConfig")
    valid: list[Mapping[str, JsonValue]] = []
    for config in configs if isinstance(configs, list) else []:
        names = config.get("name") if isinstance(config, dict) else None
        valid.extend(name for name in (names if isinstance(names, list) else []) if isinstance(name, dict))
    return valid


def concerns(name: Mapping[str, JsonValue], methods: Iterable[str]) -> bool:
    """Return whether a ``name`` applies to one of the methods; one without a service applies to all."""
    service, method = name.get("service") or "", name.get("method") or ""
    if not service:
        return True
    return any(
        service == own_service and method in ("", own_method)
        for own_service, _, own_method in (name_of_method.rpartition("/") for name_of_method in methods)
    )


def idle(service_config: Mapping[str, JsonValue], methods: Sequence[str]) -> list[str]:
    """Return the names of a service config's ``methodConfig`` that apply to none of the methods, as text."""
    return [
        "/".join(str(name[key]) for key in ("service", "method") if name.get(key))
        for name in names_of(service_config)
        if not concerns(name, methods)
    ]
