"""Makes a run in any venue, from its plan to its result: starts, plays the timeline, stops, stores."""

import asyncio
from contextlib import AsyncExitStack, closing

from lbstudy.live.view import View
from lbstudy.platform.interface import Change
from lbstudy.result.build import build
from lbstudy.result.model import Result
from lbstudy.run.busy import LoadLog
from lbstudy.run.changes import ChangeLog
from lbstudy.run.describe import describe
from lbstudy.run.plan import STORE_FILE, RunPlan
from lbstudy.run.play import Scene, announce, play
from lbstudy.run.progress import ViewProgress
from lbstudy.run.record import collect
from lbstudy.run.session import Session
from lbstudy.run.specs import servers_of
from lbstudy.store.description import RunDescription
from lbstudy.store.source import StoreSource


def run_study(plan: RunPlan, view: View) -> Result:
    """Run the study as planned, write ``run.duckdb`` to ``plan.run_dir``, and return the result.

    Raises:
        PlatformError, StoreError, BackendError: it could not be run or read back; nothing is left running.
        KeyboardInterrupt: interrupted; nothing is left running, or, after a second interrupt, the venue
            removes it.
    """
    try:
        progress = ViewProgress(view, servers_of(plan))
        session = plan.venue.session(plan, view, progress)
        session.perform(_run(plan, session, view, progress))
    finally:
        view.end()
    with closing(StoreSource(plan.run_dir / STORE_FILE)) as source:
        return build(source)


async def _run(plan: RunPlan, session: Session, view: View, progress: ViewProgress) -> None:
    announce(plan, view)

    def on_change(change: Change) -> None:
        progress.changed(change)
        session.changed(change)

    begun: list[RunDescription] = []

    def on_start(start_at: float) -> None:
        begun.append(describe(plan, start_at, session.place))
        session.begin(begun[0])

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(session.open())
        platform, changes = session.platform, ChangeLog(on_change)
        following = asyncio.create_task(changes.follow(platform.changes()))
        stack.callback(following.cancel)
        load = LoadLog(session.busy)
        stage = Scene(
            platform,
            changes,
            session.endpoint,
            session.now,
            session.ready_within,
            session.lead,
            session.why,
            load,
        )
        await play(plan, stage, view, on_start)
        view.stage("stopping the servers")
        await platform.aclose()
        await following
        changes.check()
        view.stage(session.keeping)
        await session.keep(await collect(plan, platform, *session.settle(changes.seen, begun[0]), load))
