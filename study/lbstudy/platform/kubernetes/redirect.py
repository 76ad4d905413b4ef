"""Finds where a client's pod template names its servers' Service, and replaces it by the copy. No I/O."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lbstudy.platform.kubernetes.names import Object

_ANY_NAMESPACE: Final = r"\$\([A-Za-z_][A-Za-z0-9_]*\)"
"""A variable in place of the namespace, as in "orders.$(POD_NAMESPACE).svc"."""


@dataclass(frozen=True, slots=True)
class Route:
    """A Service through which clients find the servers.

    Attributes:
        name: the Service's name.
        ports: its port → the pods' port behind it, because the run's headless Service translates none.
    """

    name: str
    ports: Mapping[int, int]


@dataclass(slots=True)
class TargetsFound:
    """What was found in a pod template."""

    names: int = 0  # places that named the Service, and name the copy now
    without_port: int = 0  # of these, the places without a port


def redirect(
    pod: Object, routes: Sequence[Route], namespace: str, copy: str, variables: Collection[str] = ()
) -> TargetsFound:
    """Make a pod name the copy wherever it names one of the Services: in commands, arguments and variables.

    A name counts as the Service's if a port, a namespace or "dns:///" is beside it. A word alone ("orders")
    may mean anything; it counts only in the named variables.

    Args:
        pod: the template, which is changed.
        routes: the Services.
        namespace: the namespace of the Services.
        copy: the name of the run's Service.
        variables: variables whose whole value may be a Service's name.
    """
    targets = TargetsFound()

    def change(text: str, *, is_target: bool = False) -> str:
        for route in routes:
            text = _redirect_text(text, route, namespace, copy, targets, is_target=is_target)
        return text

    for container in containers(pod):
        for key in ("command", "args"):
            if key in container:
                container[key] = [change(text) for text in container[key] or []]
        for variable in container.get("env") or []:
            if variable.get("value"):
                variable["value"] = change(variable["value"], is_target=variable["name"] in variables)
    return targets


def containers(pod: Object) -> Iterator[dict[str, Any]]:
    """Return all containers of a pod, including init containers."""
    for key in ("initContainers", "containers"):
        yield from pod["spec"].get(key) or []


def _redirect_text(
    text: str, route: Route, namespace: str, copy: str, targets: TargetsFound, *, is_target: bool
) -> str:
    def put(match: re.Match[str]) -> str:
        port = match["port"]
        is_sure = is_target or port or match["domain"] or match["scheme"]
        if not is_sure or (port and int(port) not in _known(route)):
            return match[0]
        targets.names += 1
        targets.without_port += not port
        put_port = f":{route.ports.get(int(port), int(port))}" if port else ""
        return f"{match['scheme'] or ''}{copy}{match['domain'] or ''}{put_port}"

    return _pattern(route.name, namespace).sub(put, text)


def _known(route: Route) -> set[int]:
    """Return ports that may follow the name: the Service's, and the pods' own if it is headless."""
    return {*route.ports, *route.ports.values()}


def _pattern(name: str, namespace: str) -> re.Pattern[str]:
    return re.compile(
        r"(?<![\w.-])(?<!xds:///)"  # the start of a name; xDS resources are not DNS names
        r"(?P<scheme>dns:(?:///)?)?"
        rf"{re.escape(name)}"
        rf"(?P<domain>\.(?:{re.escape(namespace)}|{_ANY_NAMESPACE})(?:\.svc(?:\.[a-z0-9-]+)*)?\.?)?"
        r"(?::(?P<port>\d{1,5}))?"
        r"(?![\w-]|\.\w)"  # the end of it
    )


def ports_of(service: Object, named_port: Callable[[str], int | None]) -> dict[int, int]:
    """Return each port of a Service → the port of its pods.

    Args:
        service: the API's object.
        named_port: returns the number of a container's port by its name; None if there is none.
    """
    spec, ports = service["spec"], {}
    for port in spec.get("ports") or []:
        target = port.get("targetPort") or port["port"]
        number = named_port(target) if isinstance(target, str) and not target.isdigit() else int(target)
        if number is not None:
            ports[int(port["port"])] = number
    return ports
