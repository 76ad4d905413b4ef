"""A shop of Services as others run them: servers that write whom they answered, and clients of three kinds.

Nothing here knows of the study. The servers' own lines are the referee of what a watch tells.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kubernetes.e2e.lab import Lab

SECURITY = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
PART = {"app.kubernetes.io/part-of": "lbstudy"}  # the policies of the namespace go by it

SERVER = """
import json, os, signal, sys, threading, time
from concurrent import futures
import grpc
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

told = set()
lock = threading.Lock()

def say_hello(request, context):
    now = time.time()
    peer = context.peer().split(":")[1]  # ipv4:ADDRESS:PORT
    with lock:
        if peer not in told:
            told.add(peer)
            print(json.dumps({"first": now, "pod": os.environ["HOSTNAME"], "peer": peer}), flush=True)
    time.sleep(work)
    return StringValue(value="Hello")

age, work = int(sys.argv[1]), float(sys.argv[2])  # ms, s
options = [("grpc.max_connection_age_ms", age)] if age else []
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=options)
handler = grpc.unary_unary_rpc_method_handler(
    say_hello, StringValue.FromString, StringValue.SerializeToString)
for service in ("helloworld.Greeter", "greeter.v1.GreeterService"):  # the same on the wire
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"SayHello": handler}),))
checks = health.HealthServicer()
health_pb2_grpc.add_HealthServicer_to_server(checks, server)
checks.set("", health_pb2.HealthCheckResponse.SERVING)
server.add_insecure_port("0.0.0.0:50051")
server.start()
# One that works for long ends without a word to its clients.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if work else server.stop(1))
server.wait_for_termination()
"""
CLIENT = """
import json, sys, time
import grpc
from google.protobuf.wrappers_pb2 import StringValue

options = [("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
           ("grpc.dns_min_time_between_resolutions_ms", 1000)]
calls = {
    name: grpc.insecure_channel(f"dns:///{name}:50051", options=options).unary_unary(
        "/helloworld.Greeter/SayHello", StringValue.SerializeToString, StringValue.FromString)
    for name in sys.argv[1:]
}

def ended(name, call):
    if call.code() is not grpc.StatusCode.OK:
        line = json.dumps({"lost": time.time(), "to": name, "code": call.code().name})
        sys.stdout.write(line + chr(10))  # in one piece: gRPC's threads call this
        sys.stdout.flush()

while True:
    for name, call in calls.items():
        made = call.future(StringValue(value="you"), timeout=2)
        made.add_done_callback(lambda one, name=name: ended(name, one))
    time.sleep(0.1)
"""


def go_image() -> str:
    """The image of the client in Go; "" where there is none, and CI does not say that there is one."""
    image = os.environ.get("LBSTUDY_GO_IMAGE", "")
    if not image and os.environ.get("LBSTUDY_SUBJECTS") == "required":
        pytest.fail("no image: LBSTUDY_GO_IMAGE names that of clients/go, one that the cluster's nodes have")
    return image


def program(lab: Lab, name: str, *arguments: str, traced: bool = True) -> dict[str, Any]:
    """A Deployment of a program of this module; traced as OpenTelemetry's documentation advises, or not."""
    command = ["python", f"/programs/{arguments[0]}", *arguments[1:]]
    container: dict[str, Any] = {
        "image": lab.cluster.image,
        "command": ["opentelemetry-instrument", *command] if traced else command,
        "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
    }
    if arguments[0] == "server.py":
        container["readinessProbe"] = {"grpc": {"port": 50051}, "periodSeconds": 1}
    made = deployment(lab, name, container, traced=traced)
    made["spec"]["template"]["spec"]["volumes"] = [
        {"name": "programs", "configMap": {"name": "watched-programs"}}
    ]
    return made


def go_client(lab: Lab, name: str, image: str, target: str) -> dict[str, Any]:
    """A Deployment of the client in Go, which is traced by otelgrpc."""
    arguments = {
        "target": f"dns:///{target}:50051",
        "rate": "10",
        "duration": "3600",
        "channel-arg": "grpc.dns_min_time_between_resolutions_ms=1000",
    }
    args = [f"--{key}={value}" for key, value in arguments.items()]
    return deployment(lab, name, {"image": image, "args": args}, traced=True)


def deployment(lab: Lab, name: str, container: dict[str, Any], *, traced: bool) -> dict[str, Any]:
    """A Deployment of one pod, which needs no more room while it is rolled out."""
    container = {"name": "app", "securityContext": LOCKED} | container
    if traced:
        container["envFrom"] = [{"configMapRef": {"name": telemetry(lab)}}]
        container["env"] = [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "OTEL_SERVICE_NAME", "value": name},
            {
                "name": "OTEL_RESOURCE_ATTRIBUTES",
                "value": f"k8s.pod.name=$(POD_NAME),k8s.deployment.name={name}",
            },
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name} | PART},
                "spec": {
                    "securityContext": SECURITY,
                    "terminationGracePeriodSeconds": 3,
                    "containers": [container],
                },
            },
        },
    }


def telemetry(lab: Lab) -> str:
    """The name of the ConfigMap that says where telemetry goes."""
    names = [one["metadata"]["name"] for one in lab.get("configmaps")]
    return str(next(name for name in names if name.startswith("telemetry")))


def service(name: str) -> dict[str, Any]:
    """A headless Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 50051}]},
    }


@contextmanager
def shop(lab: Lab, *objects: dict[str, Any]) -> Iterator[None]:
    """Apply them, and wait until they are Ready; they are gone with the block."""
    programs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "watched-programs"},
        "data": {"server.py": SERVER, "client.py": CLIENT},
    }
    made = [programs, *objects]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    lab.cluster.kubectl("apply", "-f", "-", stdin=text)
    try:
        lab.cluster.ready(*(one["metadata"]["name"] for one in made if one["kind"] == "Deployment"))
        yield
    finally:
        names = [f"{one['kind'].lower()}/{one['metadata']['name']}" for one in made]
        lab.kubectl("delete", *names)
        lab.kubectl("wait", "pods", "--selector", "app", "--for=delete", "--timeout=60s")


def pods_of(lab: Lab, name: str) -> dict[str, str]:
    """Pod → its IP."""
    pods = lab.get("pods", "--selector", f"app={name}")
    return {one["metadata"]["name"]: one["status"].get("podIP", "") for one in pods}


def firsts(lab: Lab, name: str) -> dict[str, dict[str, float]]:
    """Pod of a server → client's IP → when that first called it, as the pod wrote itself."""
    found: dict[str, dict[str, float]] = {}
    for pod in pods_of(lab, name):
        found[pod] = {}
        # One that is gone meanwhile is an error, and none of these pods any more.
        for line in lab.cluster.kubectl("logs", pod, check=False).splitlines():
            if line.startswith('{"first"'):
                told = json.loads(line)
                found[pod][told["peer"]] = told["first"]
    return found


def lost(lab: Lab, client: str, name: str) -> list[tuple[float, str]]:
    """When each request of a client to a Service was lost, and with which code, as the client wrote."""
    (pod,) = pods_of(lab, client)
    lines = [json.loads(one) for one in lab.kubectl("logs", pod).splitlines() if one.startswith('{"lost"')]
    return [(one["lost"], one["code"]) for one in lines if one["to"] == name]
