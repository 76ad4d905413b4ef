"""A run: servers and clients up, the timeline played, everything down again, the result written."""

import asyncio
import math
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing, suppress

from lbstudy.live.view import View
from lbstudy.platform.interface import Change, Platform, PlatformError
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.result.build import build
from lbstudy.result.model import Result
from lbstudy.run.changes import ChangeLog
from lbstudy.run.clock import until
from lbstudy.run.describe import describe
from lbstudy.run.forwarding import Forwarding
from lbstudy.run.plan import Planned, RunPlan, timeline
from lbstudy.run.progress import Progress
from lbstudy.run.record import collect, record
from lbstudy.run.specs import client_deployment, client_spec, server_deployment, server_spec
from lbstudy.store.database import RunStore
from lbstudy.store.description import read_description, write_description
from lbstudy.store.live import Arrivals
from lbstudy.store.receiver import Receiver
from lbstudy.store.source import StoreSource
from lbstudy.traces.emit import emit_changes

STORE_FILE = "run.duckdb"
_READY_WITHIN = 120.0  # s for the first servers of all settings to be Ready and in DNS
_CLIENTS_AT_LEAST = 4.0  # s that the client processes have to be up before their first RPC is due


def run_study(plan: RunPlan, view: View) -> Result:
    """Run the study as planned, leave ``run.duckdb`` in ``plan.run_dir``, and return the result.

    Raises:
        PlatformError, StoreError: it could not be run; nothing is left running.
        KeyboardInterrupt: interrupted; nothing is left running, the store is closed.
    """
    try:
        asyncio.run(_run(plan, view))
    finally:
        view.end()
    with closing(StoreSource(plan.run_dir / STORE_FILE)) as source:
        return build(source)


async def _run(plan: RunPlan, view: View) -> None:
    loop = asyncio.get_running_loop()
    settings = [setting.name for setting in plan.settings]
    servers = {server_deployment(name): name for name in settings}
    progress = Progress(view, servers)
    title = f"{plan.scenario.name}: {', '.join(settings)} side by side" if len(settings) > 1 else settings[0]
    view.begin(title, settings, plan.scenario.duration)

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

        await _play(plan, platform, changes, store, endpoint, view, lead)
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


async def _play(
    plan: RunPlan,
    platform: Platform,
    changes: ChangeLog,
    store: RunStore,
    endpoint: str,
    view: View,
    lead: float,
) -> None:
    """Start everything and play the timeline."""
    first = plan.scenario.step[0]
    deployments = [server_deployment(setting.name) for setting in plan.settings]
    view.stage(f"starting {first.servers * len(deployments)} servers")
    for setting in plan.settings:
        view.command(setting.name, first.servers)
        await platform.create_servers(server_spec(plan, setting, endpoint))
    try:
        async with asyncio.timeout(_READY_WITHIN):
            await asyncio.gather(*(changes.published(name, first.servers) for name in deployments))
    except TimeoutError:
        raise PlatformError(
            f"the first {first.servers} servers of each setting were not Ready and in DNS within"
            f" {_READY_WITHIN:.0f} s; what they said is in {plan.run_dir / 'logs'}"
        ) from None

    view.stage("starting the clients")
    start_at = time.time() + lead
    write_description(store, describe(plan, start_at))
    for setting in plan.settings:
        await platform.start_client(client_spec(plan, setting, endpoint, start_at))
    ticking = asyncio.create_task(_tick(view, start_at))
    try:
        async with asyncio.TaskGroup() as tasks:  # a client that fails ends the timeline at once
            tasks.create_task(_commands(plan, platform, view, start_at))
            for setting in plan.settings:
                tasks.create_task(_client(plan, platform, client_deployment(setting.name)))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        ticking.cancel()


async def _commands(plan: RunPlan, platform: Platform, view: View, start_at: float) -> None:
    view.stage("waiting for the load to start")
    await until(start_at)
    view.stage("load runs")
    for planned in timeline(plan)[1:-1]:
        await until(start_at + planned.at)
        if planned.fault is None:
            for setting in plan.settings:
                view.command(setting.name, planned.servers)
        await asyncio.gather(
            *(_act(platform, server_deployment(setting.name), planned) for setting in plan.settings)
        )
    await until(start_at + plan.scenario.duration)
    view.stage("waiting for the last answers")


async def _act(platform: Platform, deployment: str, planned: Planned) -> None:
    """Give the platform a command of the timeline, for one Deployment."""
    if planned.fault is not None:
        act = platform.inject if planned.action == "inject" else platform.lift
        await act(deployment, planned.fault)
    elif planned.manner is not None:
        await platform.replace(deployment, planned.manner)
    else:
        await platform.scale(deployment, planned.servers)


async def _client(plan: RunPlan, platform: Platform, name: str) -> None:
    status = await platform.wait_client(name)
    if status != 0:
        raise PlatformError(f"the client {name} ended with status {status}; see {plan.run_dir / 'logs'}")


async def _tick(view: View, start_at: float) -> None:
    while True:
        view.clock(time.time() - start_at)
        await asyncio.sleep(0.25)
