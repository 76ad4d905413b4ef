"""The manifests applied to a real cluster, as a user does, and what arrives in Jaeger and Prometheus."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.kubernetes.manifests.cluster import Cluster, namespace
from tests.kubernetes.manifests.rendered import OVERLAYS
from tests.stack.parts import GUARD
from tests.stack.pod import eventually, get

PARTS = ("greeter", "client", "otel-collector", "jaeger", "prometheus")
# What a pod cannot say of itself: only the Collector, which asks the API server, can have added it.
ADDED = {"k8s.pod.start_time", "k8s.replicaset.name", "container.image.tag"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with namespace(tmp_path_factory.mktemp("kustomizations")) as own:
        yield own


@pytest.fixture(scope="module")
def applied(cluster: Cluster) -> Cluster:
    cluster.apply("k8s")
    cluster.ready(*PARTS)
    # A stock client that looked up DNS before all servers were there never hears of the others.
    cluster.kubectl("delete", "pods", "--selector", "app.kubernetes.io/component=client")
    eventually(lambda: [pod for pod in cluster.get("pods", component="client") if is_ready(pod)])
    return cluster


def is_ready(pod: dict[str, Any]) -> bool:
    return {"type": "Ready", "status": "True"}.items() <= next(
        (one for one in pod["status"].get("conditions", []) if one["type"] == "Ready"), {}
    ).items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_every_object(cluster: Cluster, overlay: str) -> None:
    lines = cluster.apply(overlay, "--dry-run=server")

    assert all(line.endswith("(server dry run)") for line in lines)
    assert len(lines) > len(PARTS)


def test_pods_are_ready_where_only_restricted_ones_may_be(applied: Cluster) -> None:
    pods = applied.get("pods")
    refused = applied.kubectl(
        "run", "not-restricted", "--image", applied.image, "--dry-run=server", check=False
    )

    assert "violates PodSecurity" in refused
    assert len(pods) == len(PARTS) + 1  # two servers
    assert not any(status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"])


def test_applied_again_nothing_changes(applied: Cluster) -> None:
    before = applied.kubectl("get", "poddisruptionbudgets", "-o", "jsonpath={.items[*].metadata.generation}")

    changed = [line for line in applied.apply("k8s") if not line.endswith(" unchanged")]

    # kubectl says so of every PodDisruptionBudget: it sends the selector, which is replaced as a whole.
    assert changed == ["poddisruptionbudget.policy/greeter configured"]
    after = applied.kubectl("get", "poddisruptionbudgets", "-o", "jsonpath={.items[*].metadata.generation}")
    assert before == after != ""


def resources(url: str, service: str, pod: str) -> dict[str, Any]:
    """The attributes of a pod's resource in Jaeger, once a span of it has all that the Collector adds."""
    traces = get(f"{url}/api/traces", service=service, tags=json.dumps({"k8s.pod.name": pod}), limit="20")
    for trace in traces["data"]:
        for process in trace["processes"].values():
            tags = {tag["key"]: tag["value"] for tag in process["tags"]}
            if tags.get("k8s.pod.name") == pod and tags.keys() >= ADDED:
                return tags
    return {}


def test_spans_say_where_they_come_from(applied: Cluster) -> None:
    with applied.forwarded("jaeger", 16686) as jaeger:
        for component, service in (("server", "greeter-server"), ("client", "greeter-client")):
            for pod in applied.get("pods", component=component):
                name = pod["metadata"]["name"]
                found = eventually(partial(resources, jaeger, service, name))
                # The API server is the referee, for what the pod says and for what the Collector adds.
                assert found["k8s.namespace.name"] == applied.namespace
                assert found["k8s.pod.uid"] == pod["metadata"]["uid"]
                assert found["k8s.pod.ip"] == pod["status"]["podIP"]
                assert found["k8s.node.name"] == pod["spec"]["nodeName"]
                assert found["k8s.replicaset.name"] == pod["metadata"]["ownerReferences"][0]["name"]
                assert found["k8s.deployment.name"] == pod["metadata"]["labels"]["app.kubernetes.io/instance"]
                # The processor's name for when the object was made; status.startTime is the kubelet's.
                assert found["k8s.pod.start_time"] == pod["metadata"]["creationTimestamp"]
                assert found["container.image.tag"] == applied.image.rpartition(":")[2]
                assert found["lbstudy.setting"] == "stock"


def test_metrics_arrive_of_every_server(applied: Cluster) -> None:
    query = 'sum by (k8s_pod_name) (rpc_server_call_duration_seconds_count{lbstudy_run_id="live"})'
    servers = {pod["metadata"]["name"] for pod in applied.get("pods", component="server")}
    with applied.forwarded("prometheus", 9090) as prometheus:

        def counted() -> bool:
            series = get(f"{prometheus}/api/v1/query", query=query)["data"]["result"]
            return {one["metric"]["k8s_pod_name"] for one in series} == servers

        assert eventually(counted)


def test_the_collector_may_read_what_it_asks_for_and_nothing_else(applied: Cluster) -> None:
    collector = f"system:serviceaccount:{applied.namespace}:otel-collector"

    assert "forbidden" not in applied.kubectl("logs", "deployment/otel-collector")
    assert applied.may(collector, "watch", "pods")
    for verb, what in (("get", "secrets"), ("delete", "pods"), ("list", "nodes")):
        assert not applied.may(collector, verb, what)
    assert not applied.may(collector, "list", "pods", "--all-namespaces")


def test_whoever_runs_a_study_needs_no_more_than_the_role(applied: Cluster) -> None:
    applied.kubectl("create", "rolebinding", "jane", "--role", "lbstudy-runner", "--user", "jane")

    for verb, what in (
        ("patch", "deployments.apps"),
        ("create", "jobs.batch"),
        ("watch", "endpointslices.discovery.k8s.io"),
        ("create", "pods/portforward"),
        ("create", "pods/eviction"),
        ("get", "pods/log"),
    ):
        assert applied.may("jane", verb, what), (verb, what)
    for verb, what in (("get", "secrets"), ("patch", "services"), ("create", "rolebindings")):
        assert not applied.may("jane", verb, what), (verb, what)
    assert not applied.may("jane", "list", "pods", "--all-namespaces")


def test_a_server_that_is_deleted_drains_to_its_end(applied: Cluster) -> None:
    name = applied.get("pods", component="server")[0]["metadata"]["name"]
    log = ["kubectl", "--namespace", applied.namespace, "logs", "--follow", f"pod/{name}"]
    with subprocess.Popen(log, stdout=subprocess.PIPE, text=True) as follow:
        try:
            assert follow.stdout is not None
            first = json.loads(follow.stdout.readline())
            applied.kubectl("delete", "pod", name)
            said, _ = follow.communicate(timeout=GUARD)
        finally:
            follow.kill()
    events = [json.loads(line)["event"] for line in said.splitlines() if line.startswith("{")]

    assert first["event"] == "serving"
    assert events == ["draining", "stopped"]


def test_changed_sources_take_effect_in_a_running_pod(applied: Cluster) -> None:
    # What Skaffold does with skaffold.yaml's sync: tar through an exec, then the hook.
    applied.apply("k8s/overlays/dev")
    applied.ready("greeter")
    (pod, *_) = eventually(
        lambda: [
            one["metadata"]["name"]
            for one in applied.get("pods", component="server")
            if one["spec"].get("initContainers") and "deletionTimestamp" not in one["metadata"]
        ]
    )
    execute = ("exec", f"pod/{pod}", "--container", "server", "--")
    changed = applied.kubectl(*execute, "cat", "/sources/greeter/server/program.py")
    assert 'emit("serving"' in changed

    applied.kubectl(
        *("exec", "--stdin", *execute[1:], "sh", "-c", "cat >/sources/greeter/server/program.py"),
        stdin=changed.replace('emit("serving"', 'emit("serving-anew"'),
    )
    applied.kubectl(*execute, "sh", "-c", 'kill -TERM "$(cat /tmp/program.pid)"')

    assert eventually(
        lambda: '"serving-anew"' in applied.kubectl("logs", f"pod/{pod}", "--container", "server")
    )
    (status,) = next(
        one["status"]["containerStatuses"]
        for one in applied.get("pods", component="server")
        if one["metadata"]["name"] == pod
    )
    assert status["restartCount"] == 0
