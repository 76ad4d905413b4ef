"""A run on a Kubernetes cluster: its pods send to the cluster's Collector, and it is read back from there."""

import asyncio
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

from lbstudy.backends.errors import BackendError
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.backends.source import StackSource
from lbstudy.facts.model import RunFacts
from lbstudy.facts.send import send_facts
from lbstudy.live.view import View
from lbstudy.measures.ledger import ledger
from lbstudy.platform.interface import Change
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.api import Cluster, connect
from lbstudy.platform.kubernetes.checks import require
from lbstudy.platform.kubernetes.describe import Described, describe_cluster
from lbstudy.platform.kubernetes.forward import PortForward
from lbstudy.platform.kubernetes.platform import KubernetesPlatform
from lbstudy.platform.kubernetes.services import ready_pod
from lbstudy.run.changes import ChangeLog
from lbstudy.run.describe import Place, describe, runner
from lbstudy.run.gauges import Gauges
from lbstudy.run.meter import show_traffic
from lbstudy.run.plan import STORE_FILE, ClusterChoice, RunPlan
from lbstudy.run.play import Stage, announce, play
from lbstudy.run.progress import Progress
from lbstudy.run.record import collect
from lbstudy.run.specs import server_deployment
from lbstudy.store.description import RunDescription
from lbstudy.traces.emit import emit_changes

_READY_WITHIN: Final = 300.0  # s: the pods may have to be scheduled, and their image pulled
_CLIENTS_AT_LEAST: Final = 10.0  # s that a client pod needs to start, however quickly the servers came
_ARRIVED_WITHIN: Final = 60.0  # s, for what was sent to be found in Jaeger and Prometheus
_LOOK: Final = 2.0  # s, from one look to the next


async def run_on_cluster(plan: RunPlan, choice: ClusterChoice, view: View) -> None:
    """Run the study in a cluster, and leave ``run.duckdb`` in ``plan.run_dir``.

    Raises:
        PlatformError, StoreError, BackendError: it could not be run, or not be read back. In the cluster
            nothing of it is left.
    """
    servers = {server_deployment(setting.name): setting.name for setting in plan.settings}
    progress = Progress(view, servers)
    announce(plan, view)
    async with AsyncExitStack() as stack:
        cluster = connect(choice.context, choice.namespace)
        stack.push_async_callback(cluster.aclose)
        view.stage(f"looking at namespace {cluster.namespace} of {cluster.context}")
        pushed = [
            server_deployment(setting.name)
            for setting in plan.settings
            if setting.push_policy_json is not None
        ]
        await require(cluster, control_plane=bool(pushed))
        collector = await _forward(stack, cluster, names.COLLECTOR, names.OTLP_PORT)
        jaeger = await _forward(stack, cluster, names.JAEGER, names.JAEGER_PORT)
        prometheus = await _forward(stack, cluster, names.PROMETHEUS, names.PROMETHEUS_PORT)
        gauges = Gauges(collector, plan.run_id, servers)
        stack.push_async_callback(asyncio.to_thread, gauges.close)

        def on_change(change: Change) -> None:
            progress.changed(change)
            gauges.changed(change)

        described = await describe_cluster(cluster)
        platform = KubernetesPlatform(
            cluster, plan.run_dir, plan.run_id, list(servers), view.stage, plan.seed, pushed
        )
        stack.push_async_callback(platform.aclose)
        changes = ChangeLog(on_change)
        view.stage("starting the observer")
        await platform.start()
        following = asyncio.create_task(changes.follow(platform.changes()))
        stack.callback(following.cancel)

        metering = asyncio.create_task(
            show_traffic(Prometheus(prometheus), plan.run_id, servers.values(), view)
        )
        stack.callback(metering.cancel)

        begun: list[RunDescription] = []
        place = _place(described, platform)
        await play(
            plan,
            Stage(platform, changes, "", platform.seen.now, _READY_WITHIN, _lead),
            view,
            lambda at: begun.append(describe(plan, at, place)),
        )
        metering.cancel()
        view.stage("stopping the servers")
        await platform.aclose()
        await following
        changes.check()

        view.stage("sending what the run knows to the Collector")
        facts = await _facts(plan, platform, changes, begun[0])
        await asyncio.to_thread(gauges.close)
        await asyncio.to_thread(send_facts, facts, collector)
        view.stage("reading the run back from Jaeger and Prometheus")
        await _read_back(
            plan.run_id, Jaeger(jaeger), Prometheus(prometheus), plan.run_dir / STORE_FILE, collector
        )


def _lead(servers_took: float) -> float:
    """How long before the first RPC the client pods are started, in s; they may be slower than servers."""
    return _CLIENTS_AT_LEAST + 1.5 * servers_took


async def _forward(stack: AsyncExitStack, cluster: Cluster, service: str, port: int) -> str:
    """Have a Service's port on this machine until the run ends; returns its URL."""
    forward = PortForward(cluster, port, lambda: ready_pod(cluster, service))
    stack.push_async_callback(forward.aclose)
    return f"http://{await forward.start()}"


def _place(described: Described, platform: KubernetesPlatform) -> Place:
    machine = dict(described.cluster) | {"clock": platform.seen.clock}
    machine |= {f"runner {name}": value for name, value in runner().items()}
    return Place(f"kubernetes: namespace {described.namespace}", machine, described.versions)


async def _facts(
    plan: RunPlan, platform: KubernetesPlatform, changes: ChangeLog, description: RunDescription
) -> RunFacts:
    """What the run knows, with the bounds that are known only now."""
    provenance = description.provenance
    machine = provenance.machine | {"watches told": platform.seen.delivery}
    described = description.model_copy(
        update={"provenance": provenance.model_copy(update={"machine": machine})}
    )
    return await collect(plan, platform, [platform.seen.final(change) for change in changes.seen], described)


async def _read_back(
    run_id: str, jaeger: Jaeger, prometheus: Prometheus, store: Path, collector: str
) -> None:
    """Copy the run out of Jaeger and Prometheus once all of it has arrived, or nothing more arrives in time.

    What is missing then is open in the ledger.
    """
    deadline = time.monotonic() + _ARRIVED_WITHIN
    while True:
        is_last = time.monotonic() > deadline
        # In a thread: the way there is this event loop's.
        if await asyncio.to_thread(_read_once, run_id, jaeger, prometheus, store, collector, is_last=is_last):
            return
        await asyncio.sleep(_LOOK)


def _read_once(
    run_id: str, jaeger: Jaeger, prometheus: Prometheus, store: Path, collector: str, *, is_last: bool
) -> bool:
    """Whether the run is in the store now: all of it, or what there is at last."""
    try:
        source = StackSource.read(jaeger, prometheus, run_id, store)
    except BackendError:
        if is_last:
            raise
        return False
    with closing(source):
        if is_last or all(ledger(lane).closes for lane in source.lanes()):
            emit_changes(source, collector)
            return True
    store.unlink()
    return False
