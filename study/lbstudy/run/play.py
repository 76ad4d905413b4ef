"""Playing a run's timeline on a platform, whichever it is: servers, clients, load, each command."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from lbstudy.live.view import View
from lbstudy.platform.interface import Platform, PlatformError
from lbstudy.run.changes import ChangeLog
from lbstudy.run.clock import until
from lbstudy.run.plan import Planned, RunPlan, timeline
from lbstudy.run.specs import client_deployment, client_spec, server_deployment, server_spec


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a timeline is played.

    Attributes:
        platform: has been started.
        changes: of the platform; they are being followed.
        endpoint: where the pods send their telemetry, "http://127.0.0.1:4317".
        now: the pods' clock, s since the Unix epoch.
        ready_within: s for the first servers of all settings to be Ready and in DNS.
        lead: given the seconds that this took, how long before the first RPC the clients are started, in s.
    """

    platform: Platform
    changes: ChangeLog
    endpoint: str
    now: Callable[[], float]
    ready_within: float
    lead: Callable[[float], float]


def announce(plan: RunPlan, view: View) -> None:
    """Announce the run."""
    settings = [setting.name for setting in plan.settings]
    title = f"{plan.scenario.name}: {', '.join(settings)} side by side" if len(settings) > 1 else settings[0]
    view.begin(title, settings, plan.scenario.duration)


async def play(plan: RunPlan, stage: Stage, view: View, on_start: Callable[[float], None]) -> None:
    """Start everything and play the timeline.

    Args:
        plan: of the run.
        stage: where.
        view: is told what happens.
        on_start: is told the instant at which the load will start, before the clients are started.

    Raises:
        PlatformError: something could not be done, or did not come.
    """
    first = plan.scenario.step[0]
    deployments = [server_deployment(setting.name) for setting in plan.settings]
    view.stage(f"starting {first.servers * len(deployments)} servers")
    begun = stage.now()
    for setting in plan.settings:
        view.command(setting.name, first.servers)
        await stage.platform.create_servers(server_spec(plan, setting, stage.endpoint))
    try:
        async with asyncio.timeout(stage.ready_within):
            await asyncio.gather(*(stage.changes.published(name, first.servers) for name in deployments))
    except TimeoutError:
        raise PlatformError(
            f"the first {first.servers} servers of each setting were not Ready and in DNS within"
            f" {stage.ready_within:.0f} s; what they said is in {plan.run_dir / 'logs'}"
        ) from None

    view.stage("starting the clients")
    now = stage.now()
    start_at = now + stage.lead(now - begun)
    on_start(start_at)
    for setting in plan.settings:
        await stage.platform.start_client(client_spec(plan, setting, stage.endpoint, start_at))
    ticking = asyncio.create_task(_tick(stage, view, start_at))
    try:
        async with asyncio.TaskGroup() as tasks:  # a client that fails ends the timeline at once
            tasks.create_task(_commands(plan, stage, view, start_at))
            for setting in plan.settings:
                tasks.create_task(_client(plan, stage.platform, client_deployment(setting.name)))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        ticking.cancel()


async def _commands(plan: RunPlan, stage: Stage, view: View, start_at: float) -> None:
    view.stage("waiting for the load to start")
    await until(start_at, stage.now)
    view.stage("load runs")
    for planned in timeline(plan)[1:-1]:
        await until(start_at + planned.at, stage.now)
        if planned.fault is None:
            for setting in plan.settings:
                view.command(setting.name, planned.servers)
        await asyncio.gather(
            *(_act(stage.platform, server_deployment(setting.name), planned) for setting in plan.settings)
        )
    await until(start_at + plan.scenario.duration, stage.now)
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


async def _tick(stage: Stage, view: View, start_at: float) -> None:
    while True:
        view.clock(stage.now() - start_at)
        await asyncio.sleep(0.25)
