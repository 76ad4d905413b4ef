"""The objects of a run, made from the applied Deployments' pod templates. Pure.

Objects are the API's JSON, as dictionaries.
"""

from collections.abc import Sequence
from typing import Final

from lbstudy.platform import push
from lbstudy.platform.interface import ClientSpec, ServerSpec
from lbstudy.platform.kubernetes import control_plane, names, starts
from lbstudy.platform.kubernetes.owner import Object, Owner
from lbstudy.platform.kubernetes.templates import container_of, environment, pod_of
from lbstudy.platform.programs import CLIENT_MODULE, PORT, SERVER_MODULE, client_args, server_args

END_MARGIN: Final = 10
"""Seconds beyond its drain that a server has until SIGKILL: its last telemetry goes out then."""
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports")


def deployment(template: Object, spec: ServerSpec, owner: Owner) -> Object:
    """The Deployment of a setting's servers.

    Args:
        template: the applied Deployment.
        spec: of the servers.
        owner: of the object.
    """
    applied = template["spec"]
    labels = {names.RUN: owner.run_id, names.WORKLOAD: spec.name}
    pod = pod_of(applied["template"], owner, spec.name)
    container = container_of(pod, "server")
    container["command"] = ["opentelemetry-instrument", "python", "-m", SERVER_MODULE]
    # A pod's loopback is reached by port-forward only, which takes the rights that faults should take.
    container["args"] = server_args(spec, "0.0.0.0", "127.0.0.1")
    container["env"] = environment(container.get("env") or [], spec.env)
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
    """The headless Service of a setting's servers, under the Deployment's name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "clusterIP": "None",
            "selector": {names.RUN: owner.run_id, names.WORKLOAD: spec.name},
            "ports": [{"name": "grpc", "port": PORT, "targetPort": PORT, "appProtocol": "grpc"}],
        },
    }


def job(template: Object, spec: ClientSpec, owner: Owner, *, is_pushed: bool = False) -> Object:
    """The Job of a setting's clients: one pod, which is not started again.

    Args:
        template: the applied Deployment of the clients.
        spec: of the clients.
        owner: of the object.
        is_pushed: a control plane tells them the servers.
    """
    pod = pod_of(template["spec"]["template"], owner, spec.name)
    container = container_of(pod, "client")
    container["command"] = ["opentelemetry-instrument", "python", "-m", CLIENT_MODULE]
    target = push.target(spec.server) if is_pushed else f"dns:///{spec.server}:{PORT}"
    container["args"] = client_args(spec, target)
    env = {**spec.env, **control_plane.client_env(spec.server)} if is_pushed else spec.env
    container["env"] = environment(container.get("env") or [], env)
    for probe in _PROBES:
        container.pop(probe, None)
    pod["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": pod},
    }


def observer(template: Object, program: str, arguments: Sequence[str], owner: Owner) -> Object:
    """The pod that asks DNS, from the clients' pod template: what holds for them holds for it.

    Args:
        template: the applied Deployment of the clients.
        program: Python source.
        arguments: of the program.
        owner: of the object.
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
