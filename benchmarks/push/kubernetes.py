"""Servers, two control planes and the load in a namespace of a cluster, from this project's manifests."""

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from lightkube import ApiError, AsyncClient, codecs
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.operators import Operator
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.types import OnErrorAction, OnErrorResult

from benchmarks.push.load import PROGRAM, Load

MANIFESTS = Path(__file__).parents[2] / "k8s"
PUSH_FILES = ("service-account", "service", "pod-disruption-budget", "network-policies", "deployment")
SILENT = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
CPU = "100m"
WITHIN = 180.0  # s, for a rollout
Labels = dict[str, str | Operator[Any] | Iterable[Any] | None]  # lightkube's own, invariant
SERVERS: Labels = {"app.kubernetes.io/instance": "greeter"}
CONTROL_PLANES: Labels = {"app.kubernetes.io/component": "control-plane"}
SLICES: Labels = {"kubernetes.io/service-name": "greeter"}


class KubernetesLab:
    """Two servers, two control planes and the load; what the EndpointSlices say, by a watch of its own."""

    def __init__(self, client: AsyncClient, namespace: str) -> None:
        self.load: Load
        self._client = client
        self._namespace = namespace
        self._published: dict[str, int] = {}  # pod → ns since the Unix epoch, as ready in a slice
        self._news = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, rate: float, work: float, args: argparse.Namespace
    ) -> AsyncIterator["KubernetesLab"]:
        """Everything up; the namespace is deleted at the end."""
        client = AsyncClient(namespace=args.namespace)
        lab = cls(client, args.namespace)
        await client.create(Namespace(metadata=ObjectMeta(name=args.namespace)))
        watching = asyncio.create_task(lab._watch())
        try:
            await lab._create(work, args)
            await lab._start_load(rate, args.server_image)
            yield lab
        finally:
            watching.cancel()
            await client.delete(Namespace, args.namespace)
            await client.close()

    async def add(self) -> tuple[str, int]:
        """One server more; its name, and when an EndpointSlice had it."""
        known = set(self._published)
        await self._scale(3)
        async with self._news:
            await self._news.wait_for(lambda: self._published.keys() - known)
        (pod,) = self._published.keys() - known
        return pod, self._published[pod]

    async def remove(self) -> None:
        """One server less."""
        await self._scale(2)
        await self._until(self._settled("greeter", SERVERS))

    async def restart(self, number: int) -> None:
        """All servers are replaced, as by `kubectl rollout restart`."""
        annotations = {"lbstudy/restarted": str(number)}
        template = {"metadata": {"annotations": annotations}}
        await self._client.patch(Deployment, "greeter", {"spec": {"template": template}})
        await self._until(self._settled("greeter", SERVERS))

    async def kill_control_plane(self) -> None:
        """Both at once, by SIGKILL as far as the API has it; the Deployment starts others."""
        async for pod in self._client.list(Pod, namespace=self._namespace, labels=CONTROL_PLANES):
            assert pod.metadata is not None
            with contextlib.suppress(ApiError):  # gone already
                await self._client.delete(Pod, str(pod.metadata.name), grace_period=0)

    # --- making it --------------------------------------------------------------------------------

    async def _create(self, work: float, args: argparse.Namespace) -> None:
        await self._client.create(ConfigMap(metadata=ObjectMeta(name="telemetry"), data=SILENT))
        source = {"client.py": PROGRAM.read_text()}
        await self._client.create(ConfigMap(metadata=ObjectMeta(name="load"), data=source))
        for path in [MANIFESTS / "components/push" / f"{name}.yaml" for name in PUSH_FILES]:
            await self._apply(path, lambda value: _with_image(value, args.push_image))
        for name in ("service-account", "service"):
            await self._apply(MANIFESTS / "base/server" / f"{name}.yaml", lambda _: None)
        await self._apply(MANIFESTS / "base/server/deployment.yaml", lambda value: _server(value, work, args))
        await self._until(self._settled("push", CONTROL_PLANES))
        await self._until(self._settled("greeter", SERVERS))

    async def _apply(self, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
        for value in _documents(path):
            change(value)
            for subject in value.get("subjects", ()):
                subject["namespace"] = self._namespace
            value["metadata"]["namespace"] = self._namespace
            made: Any = codecs.from_dict(value)
            await self._client.create(made)

    async def _start_load(self, rate: float, image: str) -> None:
        (setting,) = _documents(MANIFESTS / "components/push/kustomization.yaml")
        patch = yaml.safe_load(next(one["patch"] for one in setting["patches"] if "patch" in one))
        bootstrap = next(one["value"] for one in patch if one["path"].endswith("/env/-"))
        made: Any = codecs.from_dict(_client_pod(rate, image, bootstrap))
        await self._client.create(made)
        await self._until(self._is_running("load"))

        async def end() -> None:
            await self._client.delete(Pod, "load", grace_period=10)

        self.load = Load(aiter(self._client.log("load", follow=True)), end)
        for pod in list(self._published):
            if await self.load.first(pod) is None:
                raise RuntimeError(f"{pod} gets no RPC")

    # --- looking at it ----------------------------------------------------------------------------

    async def _watch(self) -> None:
        async for _, item in self._client.watch(
            EndpointSlice, namespace=self._namespace, labels=SLICES, on_error=_again
        ):
            now = time.time_ns()
            for endpoint in item.endpoints or ():
                if endpoint.targetRef and endpoint.conditions and endpoint.conditions.ready:
                    self._published.setdefault(str(endpoint.targetRef.name), now)
            async with self._news:
                self._news.notify_all()

    async def _scale(self, replicas: int) -> None:
        await self._client.patch(Deployment, "greeter", {"spec": {"replicas": replicas}})

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(WITHIN):
            while not await holds():  # noqa: ASYNC110  # the API is asked: nothing tells
                await asyncio.sleep(0.2)

    def _settled(self, name: str, labels: Labels) -> Callable[[], Awaitable[bool]]:
        async def settled() -> bool:
            deployment = await self._client.get(Deployment, name)
            spec, status = deployment.spec, deployment.status
            assert spec is not None
            assert status is not None
            assert deployment.metadata is not None
            if (status.observedGeneration or 0) < (deployment.metadata.generation or 0):
                return False
            if status.updatedReplicas != spec.replicas or status.availableReplicas != spec.replicas:
                return False
            return (
                len([pod async for pod in self._client.list(Pod, namespace=self._namespace, labels=labels)])
                == spec.replicas
            )

        return settled

    def _is_running(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def running() -> bool:
            pod = await self._client.get(Pod, name)
            return pod.status is not None and pod.status.phase == "Running"

        return running


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _again(error: Exception, count: int) -> OnErrorResult:  # noqa: ARG001  # lightkube's hook
    return OnErrorResult(OnErrorAction.RETRY, 0.2)


def _with_image(value: dict[str, Any], image: str) -> None:
    if value["kind"] == "Deployment":
        container = value["spec"]["template"]["spec"]["containers"][0]
        container["image"] = image
        container["resources"]["requests"]["cpu"] = CPU


def _server(value: dict[str, Any], work: float, args: argparse.Namespace) -> None:
    container = value["spec"]["template"]["spec"]["containers"][0]
    container["image"] = args.server_image
    container["resources"]["requests"]["cpu"] = CPU
    # Bare: five servers' telemetry would be most of the load on a small machine.
    container["command"] = ["python", "-m", "greeter.server"]
    container["args"] = [
        "--address=0.0.0.0:50051",
        f"--work={work}",
        f"--drain-wait={args.drain_wait}",
        "--drain-grace=5",
    ]
    if args.pre_stop:
        (patch,) = _documents(MANIFESTS / "components/push/server-setting.yaml")
        container["lifecycle"] = patch["spec"]["template"]["spec"]["containers"][0]["lifecycle"]


def _client_pod(rate: float, image: str, bootstrap: dict[str, Any]) -> dict[str, Any]:
    field_of = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in field_of.items()]
    container = {
        "name": "load",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/load/client.py", "xds:///greeter", str(rate)],
        "env": [*env, bootstrap],
        "resources": {"requests": {"cpu": "200m"}},  # without it, whatever else runs on the node comes first
        "volumeMounts": [{"name": "load", "mountPath": "/load"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load", "labels": {"app.kubernetes.io/component": "client"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": "load", "configMap": {"name": "load"}}],
        },
    }
