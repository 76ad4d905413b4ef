"""A run, from its plan to its result; on this machine: all up, the timeline played, all down, all stored."""

import asyncio
import math
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing, suppress

from lbstudy.live.view import View
from lbstudy.platform.interface import Change
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.result.build import build
from lbstudy.result.model import Result
from lbstudy.run.changes import ChangeLog
from lbstudy.run.cluster import run_on_cluster
from lbstudy.run.describe import describe, this_machine
from lbstudy.run.forwarding import Forwarding
from lbstudy.run.plan import STORE_FILE, RunPlan
from lbstudy.run.play import Stage, announce, play
from lbstudy.run.progress import Progress
from lbstudy.run.record import collect, record
from lbstudy.run.specs import server_deployment
from lbstudy.store.database import RunStore
from lbstudy.store.description import read_description, write_description
from lbstudy.store.live import Arrivals
from lbstudy.store.receiver import Receiver
from lbstudy.store.source import StoreSource
from lbstudy.traces.emit import emit_changes

_READY_WITHIN = 120.0  # s for the first servers of all settings to be Ready and in DNS
_CLIENTS_AT_LEAST = 4.0  # s that the client processes have to be up before their first RPC is due


def run_study(plan: RunPlan, view: View) -> Result:
    """Run the study as planned, leave ``run.duckdb`` in ``plan.run_dir``, and return the result.

    Raises:
        PlatformError, StoreError: it could not be run; nothing is left running.
        KeyboardInterrupt: interrupted; nothing is left running, the store is closed.
    """
    try:
        asyncio.run(_run(plan, view) if plan.cluster is None else run_on_cluster(plan, plan.cluster, view))
    finally:
        view.end()
    with closing(StoreSource(plan.run_dir / STORE_FILE)) as source:
        return build(source)


async def _run(plan: RunPlan, view: View) -> None:
    loop = asyncio.get_running_loop()
    servers = {server_deployment(setting.name): setting.name for setting in plan.settings}
    progress = Progress(view, servers)
    announce(plan, view)

    def on_spans(arrived: Sequence[Arrivals]) -> None:
        # In a thread of the receiver; after the loop has closed nobody watches any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(progress.arrived, arrived)

    def on_change(change: Change) -> None:
        progress.changed(change)
        forwarding.changed(change)

    async with AsyncExitStack() as stack:
        store = RunStore.create(plan.run_dir / STORE_FILE)
        stack.callback(store.close)
        forwarding = Forwarding(plan.collector, plan.run_id, servers, store)
        stack.callback(forwarding.finish)
        receiver = Receiver(store, on_spans=on_spans, forward=forwarding.hook)
        endpoint = receiver.start()
        stack.callback(receiver.stop)
        forwarding.begin(endpoint)
        stack.callback(forwarding.quieten)
        platform = LocalPlatform(
            plan.run_dir,
            seed=plan.seed,
            propagation=plan.scenario.dns.propagation,
            ttl=plan.scenario.dns.ttl,
        )
        stack.push_async_callback(platform.aclose)
        changes = ChangeLog(on_change)
        begun = time.monotonic()
        await platform.start()
        lead = _lead(time.monotonic() - begun, len(plan.settings))
        following = asyncio.create_task(changes.follow(platform.changes()))
        stack.callback(following.cancel)

        stage = Stage(platform, changes, endpoint, time.time, _READY_WITHIN, lambda _: lead)
        await play(plan, stage, view, lambda at: write_description(store, describe(plan, at, this_machine())))
        view.stage("stopping the servers")
        await platform.aclose()
        await following
        changes.check()
        view.stage("writing the run down")
        facts = await collect(plan, platform, changes.seen, read_description(store))
        record(facts, store)
        if receiver.failure is not None:
            raise receiver.failure
        emit_changes(StoreSource.of(store), endpoint)
        forwarding.tell(facts)


def _lead(platform_start: float, clients: int) -> float:
    """How long before the first RPC the client processes are started, in seconds.

    They import what the platform's own process has just imported, all of them at the same time.
    """
    rounds = math.ceil(clients / len(os.sched_getaffinity(0)))
    return max(_CLIENTS_AT_LEAST, 2 + 2 * rounds * platform_start)
