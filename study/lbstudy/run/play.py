"""Plays a run's timeline on any platform: servers, clients, load, each command."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from lbstudy.config.setting import Setting
from lbstudy.live.view import View
from lbstudy.platform.interface import Platform, PlatformError
from lbstudy.platform.last_words import last_words
from lbstudy.run.autoscaling import Autoscaling, measure
from lbstudy.run.busy import BusyWatch, LoadLog
from lbstudy.run.changes import ChangeLog
from lbstudy.run.clock import until
from lbstudy.run.fit import can_make, capacity
from lbstudy.run.plan import Planned, RunPlan, timeline
from lbstudy.run.specs import client_deployment, client_spec, server_deployment, server_spec


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a timeline is played.

    Attributes:
        platform: a platform that has been started.
        changes: the platform's changes, which are already being followed.
        endpoint: where the pods send their telemetry, "http://127.0.0.1:4317".
        now: the pods' clock, s since the Unix epoch.
        ready_within: s for the first servers of all settings to be Ready and in DNS.
        lead: takes the seconds that the servers needed; returns the seconds from starting the clients to the
            first RPC.
        load: records how busy servers are, and what the autoscaler decides.
        why: returns why servers are not Ready, to be appended to a sentence; "" if that is unknown.
    """

    platform: Platform
    changes: ChangeLog
    endpoint: str
    now: Callable[[], float]
    ready_within: float
    lead: Callable[[float], float]
    why: Callable[[], str] = str
    load: LoadLog = field(default_factory=LoadLog)


def announce(plan: RunPlan, view: View) -> None:
    """Announce the run."""
    settings = [setting.name for setting in plan.settings]
    title = f"{plan.scenario.name}: {', '.join(settings)} side by side" if len(settings) > 1 else settings[0]
    pushed = [setting.name for setting in plan.settings if setting.push_policy_json is not None]
    view.begin(title, settings, plan.scenario.duration, pushed)


async def play(plan: RunPlan, stage: Scene, view: View, on_start: Callable[[float], None]) -> None:
    """Start everything and play the timeline.

    Args:
        plan: the run's plan.
        stage: where to play it.
        view: shows what happens.
        on_start: called with the instant at which the load will start, before the clients are started.

    Raises:
        PlatformError: something failed, or did not happen in time.
    """
    first = plan.scenario.step[0]
    deployments = [server_deployment(plan, setting) for setting in plan.settings]
    view.stage(f"starting {first.servers * len(deployments)} servers")
    begun = stage.now()
    for setting in plan.settings:
        view.command(setting.name, first.servers)
        await stage.platform.create_servers(server_spec(plan, setting, stage.endpoint))
    await _ready(plan, stage, deployments)

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
                if capacity(plan.scenario, plan.programs(setting)) is not None:
                    tasks.create_task(_measure(plan, setting, stage, view, start_at))
                tasks.create_task(_client(plan, stage.platform, client_deployment(setting.name)))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        ticking.cancel()


async def _ready(plan: RunPlan, stage: Scene, deployments: Sequence[str]) -> None:
    """Wait for the first servers of all settings. Raises PlatformError, which says why they are not Ready."""
    first, logs = plan.scenario.step[0].servers, plan.run_dir / "logs"
    try:
        async with asyncio.timeout(stage.ready_within):
            published = await asyncio.gather(*(stage.changes.published(name, first) for name in deployments))
    except TimeoutError:
        obstacle = await _first_obstacle(stage.platform, deployments)
        raise PlatformError(
            f"the first {first} servers of each setting were not Ready and in DNS within"
            f" {stage.ready_within:.0f} s{obstacle and f': {obstacle}'}; their output is in {logs}"
            f"{stage.why()}"
        ) from None
    if not all(published):
        await _check_alive(plan, stage)


async def _check_alive(plan: RunPlan, stage: Scene) -> None:
    """Raise PlatformError if servers end by themselves before the load starts."""
    for setting in plan.settings:
        name = server_deployment(plan, setting)
        if stage.changes.is_hopeless(name):
            obstacle = await stage.platform.obstacle(name)
            raise PlatformError(
                f"the servers of {name} end by themselves{obstacle and f': {obstacle}'};"
                f" their output is in {plan.run_dir / 'logs'}"
            )


async def _first_obstacle(platform: Platform, deployments: Sequence[str]) -> str:
    for name in deployments:
        if obstacle := await platform.obstacle(name):
            return obstacle
    return ""


async def _commands(plan: RunPlan, stage: Scene, view: View, start_at: float) -> None:
    view.stage("waiting for the load to start")
    await until(start_at, stage.now)
    await _check_alive(plan, stage)
    view.stage("load runs")
    for planned in timeline(plan)[1:-1]:
        await until(start_at + planned.at, stage.now)
        if planned.fault is None:
            for setting in plan.settings:
                view.command(setting.name, planned.servers)
        await asyncio.gather(
            *(
                _act(stage.platform, server_deployment(plan, setting), planned)
                for setting in plan.settings
                if planned.table is None or can_make(planned.table, plan.programs(setting))
            )
        )
    await until(start_at + plan.scenario.duration, stage.now)
    view.stage("waiting for the last answers")


async def _act(platform: Platform, deployment: str, planned: Planned) -> None:
    """Pass a command of the timeline to the platform, for one Deployment."""
    if planned.fault is not None:
        act = platform.inject if planned.action == "inject" else platform.lift
        await act(deployment, planned.fault)
    elif planned.manner is not None:
        await platform.replace(deployment, planned.manner, planned.limits)
    else:
        await platform.scale(deployment, planned.servers)


async def _measure(plan: RunPlan, setting: Setting, stage: Scene, view: View, start_at: float) -> None:
    """Measure how busy a setting's servers are, and scale them if the scenario has an autoscaler."""

    async def scale(servers: int) -> None:
        view.command(setting.name, servers)
        await stage.platform.scale(server_deployment(plan, setting), servers)

    watch = BusyWatch(
        setting.name, server_deployment(plan, setting), stage.platform, stage.changes, stage.load
    )
    rules = plan.scenario.autoscaler
    decider = None if rules is None else Autoscaling(rules, plan.scenario.step[0].servers, watch, scale)
    async with aclosing(watch):
        await measure(watch, decider, start_at, start_at + plan.scenario.duration, stage.now)


async def _client(plan: RunPlan, platform: Platform, name: str) -> None:
    status = await platform.wait_client(name)
    if status != 0:
        (pod, *_) = platform.pods(name)
        out = await platform.logs(pod)
        said = last_words(out.with_suffix(".err"), out)
        raise PlatformError(
            f"the client {name} ended with status {status}{said and f': {said}'}; see {plan.run_dir / 'logs'}"
        )


async def _tick(stage: Scene, view: View, start_at: float) -> None:
    while True:
        view.clock(stage.now() - start_at)
        await asyncio.sleep(0.25)
