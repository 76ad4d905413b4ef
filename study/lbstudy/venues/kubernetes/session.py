"""A run on a Kubernetes cluster. Its pods send to the cluster's Collector, and it is read back from there."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, ClassVar, Final

from lbstudy.backends.http import BackendError
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.source import StackSource
from lbstudy.live.view import View
from lbstudy.measures.ledger import ledger
from lbstudy.platform.interface import Change, Platform
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.api import Cluster, connect
from lbstudy.platform.kubernetes.checks import require
from lbstudy.platform.kubernetes.describe import Described, describe_cluster
from lbstudy.platform.kubernetes.forward import PortForward, ready_pod
from lbstudy.platform.kubernetes.platform import KubernetesPlatform
from lbstudy.run.describe import Place, runner
from lbstudy.run.gauges import Gauges
from lbstudy.run.interrupt import finished, interruptible
from lbstudy.run.meter import show_traffic
from lbstudy.run.plan import STORE_FILE, RunPlan
from lbstudy.run.progress import ViewProgress
from lbstudy.run.session import Session
from lbstudy.run.specs import (
    server_deployment,
    server_services,
    servers_of,
    workloads_by_deployment,
)
from lbstudy.store.description import RunDescription
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.send_changes import send_changes
from lbstudy.traces.send_facts import send_facts
from lbstudy.venues.kubernetes import Kubernetes

_READY_WITHIN: Final = 300.0  # s, because pods may have to be scheduled, and their image pulled
_READY_EACH: Final = 3.0  # s more for each pod, because a node starts only a few at a time
_CLIENTS_AT_LEAST: Final = 10.0  # s for a client pod to start, however fast the servers were
_CLIENTS_AT_MOST: Final = 60.0  # s, however slow many servers were
_ARRIVED_WITHIN: Final = 60.0  # s for everything that was sent to appear in Jaeger and Prometheus
_LOOK: Final = 2.0  # s between two looks


class ClusterSession(Session):
    """One run in a cluster.

    Args:
        where: the cluster.
        plan: the run's plan.
        view: shows what takes time, and the traffic that Prometheus has.
        progress: not used here, because the pods' telemetry does not pass through this process.
    """

    keeping: ClassVar[str] = "sending what the run knows to the Collector"

    def __init__(self, where: Kubernetes, plan: RunPlan, view: View, progress: ViewProgress) -> None:  # noqa: ARG002 - as every venue
        self._where = where
        self._plan = plan
        self._view = view
        self._platform: KubernetesPlatform | None = None

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Ctrl-C ends the run, and waits until everything is removed; further ones make that hurry."""
        asyncio.run(interruptible(work, self._hurry))

    def _hurry(self) -> None:
        if self._platform is not None:
            self._platform.hurry()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect to the cluster's parts and start the observer."""
        plan, view, servers = self._plan, self._view, servers_of(self._plan)
        async with AsyncExitStack() as stack:
            cluster = connect(self._where.context, self._where.namespace)
            stack.push_async_callback(cluster.aclose)
            view.stage(f"looking at namespace {cluster.namespace} of {cluster.context}")
            pushed = [
                server_deployment(plan, setting)
                for setting in plan.settings
                if setting.push_policy_json is not None
            ]
            await require(cluster, control_plane=bool(pushed), by_name=bool(plan.workloads))
            self._collector = await _forward(stack, cluster, names.COLLECTOR, names.OTLP_PORT)
            self._jaeger = Jaeger(await _forward(stack, cluster, names.JAEGER, names.JAEGER_PORT))
            self._prometheus = Prometheus(
                await _forward(stack, cluster, names.PROMETHEUS, names.PROMETHEUS_PORT)
            )
            self._gauges = Gauges(
                self._collector, plan.run_id, servers, server_services(plan), cluster.namespace
            )
            stack.push_async_callback(asyncio.to_thread, self._gauges.close)
            self._described = await describe_cluster(cluster)
            self._platform = KubernetesPlatform(
                cluster,
                plan.run_dir,
                plan.run_id,
                list(servers),
                view.stage,
                plan.seed,
                pushed,
                workloads_by_deployment(plan),
            )
            stack.push_async_exit(_leaving(self._platform))
            view.stage("starting the observer")
            await self._platform.start()
            self._metering = asyncio.create_task(
                show_traffic(self._prometheus, plan.run_id, servers.values(), view)
            )
            stack.callback(self._metering.cancel)
            yield

    @property
    def platform(self) -> Platform:
        """The cluster's own pods."""
        return self._opened

    @property
    def _opened(self) -> KubernetesPlatform:
        assert self._platform is not None
        return self._platform

    @property
    def place(self) -> Place:
        """The cluster, and the machine that this program runs on."""
        return _place(self._described, self._opened)

    @property
    def endpoint(self) -> str:
        """Empty: the applied pod templates contain the Collector's address."""
        return ""

    @property
    def ready_within(self) -> float:
        """Long, because pods may have to be scheduled, and their image pulled."""
        plan = self._plan
        return _READY_WITHIN + _READY_EACH * plan.scenario.step[0].servers * len(plan.settings)

    def now(self) -> float:
        """Return the time of the client pods' clock, which also stamps their spans."""
        return self._opened.seen.now()

    def lead(self, servers_took: float) -> float:
        """Return a lead that allows for client pods that start more slowly than servers."""
        return _CLIENTS_AT_LEAST + min(1.5 * servers_took, _CLIENTS_AT_MOST)

    def why(self) -> str:
        """Return what the cluster says about its pods."""
        return self._opened.seen.why()

    def changed(self, change: Change) -> None:
        """Add the change to the study's own metrics."""
        self._gauges.changed(change)

    def busy(self, setting: str, pod: str, utilization: float) -> None:
        """Add it to the study's own metrics."""
        self._gauges.busy(setting, pod, utilization)

    def begin(self, description: RunDescription) -> None:
        """Do nothing: the description is sent with the facts."""

    def settle(
        self, changes: Sequence[Change], description: RunDescription
    ) -> tuple[Sequence[Change], RunDescription]:
        """Add the bounds of error that are known only now."""
        seen, provenance = self._opened.seen, description.provenance
        machine = provenance.machine | {"watches told": seen.delivery}
        described = description.model_copy(
            update={"provenance": provenance.model_copy(update={"machine": machine})}
        )
        return [seen.final(change) for change in changes], described

    async def keep(self, facts: RunFacts) -> None:
        """Send the facts like the pods' telemetry, and read everything back."""
        self._metering.cancel()
        await asyncio.to_thread(self._gauges.close)
        await asyncio.to_thread(send_facts, facts, self._collector)
        self._view.stage("reading the run back from Jaeger and Prometheus")
        await _read_back(
            self._plan.run_id,
            self._jaeger,
            self._prometheus,
            self._plan.run_dir / STORE_FILE,
            self._collector,
        )


def _leaving(platform: KubernetesPlatform) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Return the exit of the platform's context: it hurries if the run failed or was interrupted."""

    async def leave(_: object, error: BaseException | None, __: object) -> None:
        if error is None:
            await platform.aclose()
        else:
            leaving = asyncio.ensure_future(
                platform.abandon(read=not isinstance(error, asyncio.CancelledError))
            )
            await finished(leaving, platform.hurry)

    return leave


async def _forward(stack: AsyncExitStack, cluster: Cluster, service: str, port: int) -> str:
    """Forward a Service's port to this machine until the run ends; returns its URL."""
    forward = PortForward(cluster, port, lambda: ready_pod(cluster, service))
    stack.push_async_callback(forward.aclose)
    return f"http://{await forward.start()}"


def _place(described: Described, platform: KubernetesPlatform) -> Place:
    machine = dict(described.cluster) | {"clock": platform.seen.clock}
    machine |= {f"runner {name}": value for name, value in runner().items()}
    forward = f"kubectl -n {described.namespace} port-forward service"
    machine["links lead to"] = (
        f"this machine, while these run: {forward}/{names.JAEGER} {names.JAEGER_PORT},"
        f" {forward}/{names.PROMETHEUS} {names.PROMETHEUS_PORT}"
    )
    return Place(
        f"kubernetes: namespace {described.namespace}",
        machine,
        described.versions,
        f"http://127.0.0.1:{names.JAEGER_PORT}",
        f"http://127.0.0.1:{names.PROMETHEUS_PORT}",
    )


async def _read_back(
    run_id: str, jaeger: Jaeger, prometheus: Prometheus, store: Path, collector: str
) -> None:
    """Copy the run from Jaeger and Prometheus once it is complete, or once nothing more arrives.

    What is missing then shows as open in the ledger.
    """
    deadline = time.monotonic() + _ARRIVED_WITHIN
    while True:
        is_last = time.monotonic() > deadline
        # In a thread: the port-forward needs this event loop.
        if await asyncio.to_thread(_read_once, run_id, jaeger, prometheus, store, collector, is_last=is_last):
            return
        await asyncio.sleep(_LOOK)


def _read_once(
    run_id: str, jaeger: Jaeger, prometheus: Prometheus, store: Path, collector: str, *, is_last: bool
) -> bool:
    """Copy the run if it is complete, or if ``is_last``; returns whether it was copied."""
    try:
        source = StackSource.read(jaeger, prometheus, run_id, store)
    except BackendError:
        if is_last:
            raise
        return False
    with closing(source):
        if is_last or all(ledger(lane).closes for lane in source.lanes()):
            send_changes(source, collector)
            return True
    store.unlink()
    return False
