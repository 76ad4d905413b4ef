"""What calls back ahead of a deadline, by a thread and by an event loop's timer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpc_lb_instrumentor.server.reminder import LoopReminder, Reminder

from tests.instrumentor.lab.echo import GUARD


@pytest.fixture(params=["thread", "loop"])
async def reminder(request: pytest.FixtureRequest) -> AsyncIterator[Reminder | LoopReminder]:
    thread = Reminder()
    yield thread if request.param == "thread" else LoopReminder()
    thread.close()


async def test_calls_come_in_the_order_in_which_they_are_due_and_not_when_cancelled(
    reminder: Reminder | LoopReminder,
) -> None:
    loop = asyncio.get_running_loop()
    called: list[str] = []
    done = asyncio.Event()

    def call(name: str) -> None:
        loop.call_soon_threadsafe(called.append, name)
        if name == "last":
            loop.call_soon_threadsafe(done.set)

    reminder.after(0.06, lambda: call("last"))
    cancelled = reminder.after(0.02, lambda: call("cancelled"))
    reminder.after(0.04, lambda: call("second"))
    reminder.after(0.01, lambda: call("first"))
    cancelled.cancel()
    async with asyncio.timeout(GUARD):
        await done.wait()
    assert called == ["first", "second", "last"]


async def test_tickets_that_were_cancelled_do_not_pile_up(reminder: Reminder | LoopReminder) -> None:
    live = [reminder.after(3600, lambda: None) for _ in range(10)]
    for _ in range(5000):
        reminder.after(3600, lambda: None).cancel()
    assert all(ticket.call for ticket in live)
    kept = reminder._queue._due
    assert {id(ticket) for ticket in live} <= {id(entry[2]) for entry in kept}
    assert len(kept) < 1200
