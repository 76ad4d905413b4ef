"""The objects of a run, made from the applied Deployments' pod templates. No I/O.

Objects are the API's JSON, as dictionaries.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lbstudy.config import command as commands
from lbstudy.platform import programs, push
from lbstudy.platform.interface import ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.kubernetes import control_plane, encryption, names, starts
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.templates import container_of, environment, pod_of
from lbstudy.platform.program import Program
from lbstudy.platform.programs import PodPlace, client_values, server_values

END_MARGIN: Final = 10
"""Seconds from a server's drain to SIGKILL, in which it sends its last telemetry."""
_LAST_WORDS: Final = "/dev/termination-log"
"""The file of a container's termination message: it keeps a server's own count after its log is deleted."""
_PLACE: Final = PodPlace(
    pod="$(POD_NAME)",
    python="python",
    otlp_endpoint="$(OTEL_EXPORTER_OTLP_ENDPOINT)",
    last_words=_LAST_WORDS,
)
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports")


def deployment(template: Object, spec: ServerSpec, owner: Owner) -> Object:
    """Return the Deployment of a setting's servers.

    Args:
        template: the applied Deployment.
        spec: the servers.
        owner: the object's owner.
    """
    applied = template["spec"]
    labels = {names.RUN: owner.run_id, names.WORKLOAD: spec.name}
    pod = pod_of(applied["template"], owner, spec.name)
    for spread in pod["spec"].get("topologySpreadConstraints") or ():
        spread["labelSelector"] = {
            "matchLabels": labels
        }  # the applied Deployment selects its own pods by these
    container = container_of(pod, "server")
    # A pod's loopback is reached by port-forward only, so the rights for that are needed to make faults.
    values = server_values(spec, _server_place(spec), "0.0.0.0", "127.0.0.1")
    container["command"], container["args"] = _command(spec.program, programs.command(spec.program, values))
    env = {**spec.env, **programs.environment(spec.program, values)}
    container["env"] = environment(container.get("env") or [], env)
    container["terminationMessagePath"] = _LAST_WORDS
    if spec.tls is not None:
        encryption.mount(pod, container, spec.name)
        encryption.probe_in_plain_text(container)
    if spec.held:
        starts.hold(pod, container)
    if probe := container.get("readinessProbe"):
        probe["periodSeconds"] = round(spec.probe.period)
        probe["timeoutSeconds"] = round(spec.probe.timeout)
        probe["failureThreshold"] = spec.probe.failures
    control_plane.set_hook(container, spec)
    waits = control_plane.REMOVED_WITHIN if spec.push is not None else 0
    needed = waits + int(spec.drain_wait + spec.drain_grace) + END_MARGIN
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    pod["spec"]["terminationGracePeriodSeconds"] = max(needed, 30 if grace is None else grace)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": labels},
            "strategy": applied.get("strategy") or {},
            "progressDeadlineSeconds": 86_400,
            "template": pod,
        },
    }


def service(spec: ServerSpec, owner: Owner) -> Object:
    """Return the headless Service of a setting's servers, named like the Deployment."""
    port = spec.program.port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "clusterIP": "None",
            "selector": {names.RUN: owner.run_id, names.WORKLOAD: spec.name},
            "ports": [{"name": "grpc", "port": port, "targetPort": port, "appProtocol": "grpc"}],
        },
    }


def job(
    template: Object, spec: ClientSpec, owner: Owner, *, is_pushed: bool = False, port: int = names.PORT
) -> Object:
    """Return the Job of a setting's clients: one pod, which is not restarted.

    Args:
        template: the applied Deployment of the clients.
        spec: the clients.
        owner: the object's owner.
        is_pushed: whether the clients use a control plane.
        port: the servers' port.
    """
    pod = pod_of(template["spec"]["template"], owner, spec.name)
    container = container_of(pod, "client")
    target = push.target(spec.server) if is_pushed else f"dns:///{spec.server}:{port}"
    place = replace(_PLACE, certificates=encryption.certificates(spec.tls))
    values = client_values(spec, place, target, spec.server, port, "")
    container["command"], container["args"] = _command(spec.program, programs.command(spec.program, values))
    env = {**spec.env, **(control_plane.client_env(spec.server) if is_pushed else {})}
    env |= programs.environment(spec.program, values)
    container["env"] = environment(container.get("env") or [], env)
    if spec.tls is not None:
        encryption.mount(pod, container, spec.name)
    for probe in _PROBES:
        container.pop(probe, None)
    pod["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": pod},
    }


def _server_place(spec: ServerSpec) -> PodPlace:
    """What is known of a server's pod; raises PlatformError where no probe could ask an encrypted one."""
    if spec.tls is None:
        return _PLACE
    used = commands.used(spec.program.command, spec.program.env)
    if "health_address" not in used:
        why = "a cluster's probes of gRPC speak no TLS, and the servers' command has no {health_address}"
        raise PlatformError(f"{spec.name}: [tls]: {why}")
    address = f"0.0.0.0:{encryption.HEALTH_PORT}"
    return replace(_PLACE, certificates=encryption.certificates(spec.tls), health_address=address)


def _command(program: Program, started: list[str]) -> tuple[list[str], list[str]]:
    """Return a container's command (the program) and its args."""
    head = 3 if started[1:2] == ["-m"] else 1
    instrument = ["opentelemetry-instrument"] if program.instrument else []
    return [*instrument, *started[:head]], started[head:]


def observer(template: Object, program: str, arguments: Sequence[str], owner: Owner) -> Object:
    """Return the pod that asks DNS, from the clients' pod template, so that it sees what clients see.

    Args:
        template: the applied Deployment of the clients.
        program: Python source.
        arguments: the program's arguments.
        owner: the object's owner.
    """
    pod = pod_of(template["spec"]["template"], owner, names.OBSERVER)
    container = container_of(pod, "client")
    container["command"] = ["python", "-u", "-c", program]
    container["args"] = list(arguments)
    for probe in _PROBES:
        container.pop(probe, None)
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["terminationGracePeriodSeconds"] = 1
    pod["metadata"] |= owner.metadata(names.OBSERVER, names.OBSERVER) | {"labels": pod["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"], "spec": pod["spec"]}
