"""The objects of a run that studies Deployments by name: copies of their pods, plus what a run adds. No I/O.

Commands, arguments, images, volumes and probes are kept. ``changes`` compares the copies with their
originals, so that every difference is listed.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lbstudy.platform.interface import ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.kubernetes import names, outside
from lbstudy.platform.kubernetes.differences import differences
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.redirect import TargetsFound, containers, redirect
from lbstudy.platform.kubernetes.templates import environment
from lbstudy.platform.kubernetes.workloads import Workloads, main_container, title, unrepeatable

_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_HTTP_PORT: Final = 4318
_CALLERS_IMAGE: Final = f"<the image of deployment/{names.CLIENT_TEMPLATE}>"
_GRACE: Final = 30
"""Kubernetes' own terminationGracePeriodSeconds."""


def deployment(workloads: Workloads, spec: ServerSpec, owner: Owner, image: str) -> Object:
    """Return the copy of the servers' Deployment for a setting.

    Args:
        workloads: what is copied.
        spec: the servers.
        owner: the object's owner.
        image: the image of an additional container, if faults need one.
    """
    applied = workloads.server["spec"]
    pod = _pod(workloads.server, spec.name, spec.env, owner, workloads.all_services)
    outside.prepare(pod, main_container(workloads.server), spec.faults, image)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": {names.RUN: owner.run_id, names.WORKLOAD: spec.name}},
            "strategy": applied.get("strategy") or {},
            "minReadySeconds": applied.get("minReadySeconds") or 0,
            "progressDeadlineSeconds": 86_400,
            "template": pod,
        },
    }


def service(workloads: Workloads, spec: ServerSpec, owner: Owner) -> Object:
    """Return the headless Service of a setting's servers, named like the copy; it has the pods' own ports."""
    ports = workloads.ports
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "clusterIP": "None",
            "selector": {names.RUN: owner.run_id, names.WORKLOAD: spec.name},
            "ports": [{"name": f"port-{port}", "port": port, "targetPort": port} for port in ports],
        },
    }


def job(workloads: Workloads, client: Object, spec: ClientSpec, owner: Owner) -> Object:
    """Return the Job of a setting's clients: a copy of their Deployment's pod, calling the copied servers."""
    pod = _pod(client, spec.name, spec.env, owner, workloads.all_services)
    _redirect(workloads, client, pod, spec.server)
    pod["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": pod},
    }


def grace(client: Object) -> int:
    """Return the seconds that a Deployment's pod has between being told to end and being killed."""
    seconds = client["spec"]["template"]["spec"].get("terminationGracePeriodSeconds")
    return _GRACE if seconds is None else int(seconds)


def changes(workloads: Workloads, server: ServerSpec, client: ClientSpec, owner: Owner) -> Iterator[str]:
    """Yield every difference between a setting's copies and their originals, one line each."""
    made = deployment(workloads, server, owner, _CALLERS_IMAGE)["spec"]["template"]
    yield f"Deployment {server.name}, from {title(workloads.server)}; in its pods:"
    for line in differences(workloads.server["spec"]["template"], made):
        yield f"  {line}"
    ports = ", ".join(str(port["port"]) for port in service(workloads, server, owner)["spec"]["ports"])
    yield f"Service {server.name}, headless, with port {ports}; in place of {_services(workloads)}"
    if workloads.client is None:
        yield (
            f"Job {client.name}, from deployment/{names.CLIENT_TEMPLATE}: one pod, the study's client, which"
            f" calls {server.name}:{workloads.called_port}"
        )
        return
    made = job(workloads, workloads.client, client, owner)["spec"]["template"]
    yield f"Job {client.name}, from {title(workloads.client)}: one pod, which the run ends; in it:"
    for line in differences(workloads.client["spec"]["template"], made):
        yield f"  {line}"


def obstacles(workloads: Workloads) -> list[str]:
    """Return why these Deployments cannot be studied, one line each; empty if they can."""
    troubles = []
    for original, is_server in ((workloads.server, True), (workloads.client, False)):
        if original is None:
            continue
        if reasons := unrepeatable(original, is_server=is_server):
            troubles.append(f"{title(original)} cannot run twice: {'; '.join(reasons)}")
        try:
            main_container(original)
        except PlatformError as error:
            troubles.append(str(error))
    if not any(route.ports for route in workloads.routes):
        troubles.append(
            f"no Service of namespace {workloads.namespace} selects the pods of {title(workloads.server)}"
        )
        return troubles
    try:
        if workloads.client is None:
            _ = workloads.called_port
        else:
            pod = copy.deepcopy(workloads.client["spec"]["template"])
            _redirect(workloads, workloads.client, pod, "lbstudy-copy")
    except PlatformError as error:
        troubles.append(str(error))
    return troubles


def _redirect(workloads: Workloads, client: Object, pod: Object, target: str) -> TargetsFound:
    """Make a client's pod call the copy. Raises PlatformError if it names the servers nowhere."""
    routes = workloads.routes
    targets = redirect(pod, routes, workloads.namespace, target, workloads.target_env)
    for variable in workloads.target_env:
        targets.names += _set_target(workloads, client, pod, variable, target)
    if not targets.names:
        of = " or ".join(f"{route.name}:{port}" for route in routes for port in route.ports)
        raise PlatformError(
            f"{title(client)} does not name its servers where the run can see it: no command,"
            f" argument or variable has {of}; name the variable that holds it, with --target-env"
        )
    moved = [f"{was} → {now}" for route in routes for was, now in route.ports.items() if was != now]
    if targets.without_port and moved:
        raise PlatformError(
            f"{title(client)} names the Service without its port, and the run's headless Service"
            f" cannot lead one port to another ({', '.join(moved)})"
        )
    return targets


def _set_target(workloads: Workloads, client: Object, pod: Object, variable: str, target: str) -> int:
    """Set a variable that contains the servers' address but not their Service's name; returns 1 if set."""
    name = main_container(client)["name"]
    container = next(candidate for candidate in containers(pod) if candidate["name"] == name)
    env = container.setdefault("env", [])
    present = next((entry for entry in env if entry["name"] == variable), None)
    if present is not None and target in (present.get("value") or ""):
        return 0
    ports = workloads.ports
    if len(ports) != 1:
        raise PlatformError(
            f"--target-env {variable}: {title(client)} does not name a Service there, and which of"
            f" the servers' ports {', '.join(map(str, ports))} to put is not known"
        )
    made = {"name": variable, "value": f"{target}:{ports[0]}"}
    if present is None:
        env.append(made)
    else:
        env[env.index(present)] = made
    return 1


def _services(workloads: Workloads) -> str:
    return " and ".join(
        f"Service {candidate['metadata']['name']}"
        + (
            " (headless)"
            if candidate["spec"].get("clusterIP") == "None"
            else f" ({candidate['spec'].get('type', 'ClusterIP')})"
        )
        for candidate in workloads.services
    )


def _pod(
    applied: Object, name: str, env: Mapping[str, str], owner: Owner, services: Sequence[Object]
) -> Object:
    """Return a copy of a Deployment's pod template, with the run's labels and variables."""
    made: Object = copy.deepcopy(applied)
    pod: Object = made["spec"]["template"]
    metadata = pod.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    labels = (metadata.get("labels") or {}) | owner.labels(name)
    metadata["labels"] = _set_apart(labels, _selectors(applied, services))
    container = main_container(made)
    container["env"] = _variables(container.get("env") or [], env)
    return pod


def _selectors(applied: Object, services: Sequence[Object]) -> Iterator[Mapping[str, str]]:
    """Yield what selects the originals: their Deployment (also used by disruption budgets) and Services."""
    yield applied["spec"]["selector"].get("matchLabels") or {}
    for selecting in services:
        yield selecting["spec"].get("selector") or {}


def _set_apart(labels: dict[str, str], selectors: Iterator[Mapping[str, str]]) -> dict[str, str]:
    """Return labels that no such selector matches, so that the originals' clients do not call the copies."""
    for selector in selectors:
        if selector and selector.items() <= labels.items():
            labels = {key: value for key, value in labels.items() if key not in selector}
    return labels


def _variables(applied: list[Object], run: Mapping[str, str]) -> list[Object]:
    """Return the original's variables, and those of the run that the original does not have.

    Resource attributes are merged key by key, because they identify a run's telemetry.
    """
    present = {entry["name"]: entry for entry in applied}
    own = {key: value for key, value in run.items() if key == _RESOURCE or key not in present}
    made = environment(applied, own)
    protocol = present.get(_PROTOCOL, {}).get("value") or run.get(_PROTOCOL, "grpc")
    if _PROTOCOL in own:
        made.append({"name": _PROTOCOL, "value": own[_PROTOCOL]})
    if _ENDPOINT in own:
        port = names.OTLP_PORT if protocol == "grpc" else _HTTP_PORT
        made.append({"name": _ENDPOINT, "value": f"http://{names.COLLECTOR}:{port}"})
    return made
