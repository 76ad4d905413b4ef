"""A server with a capacity: who waits, and how busy it says that it was; time is the test's own."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from greeter.server.capacity import Busy, Capacity
from greeter.v1 import greeter_pb2, greeter_pb2_grpc
from lbstudy.platform.control import Meter

from tests.ports import free_port

Start = Callable[..., Awaitable[Any]]  # conftest.start


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def work(capacity: Capacity, begun: list[str], name: str, done: asyncio.Event) -> None:
    async with capacity.turn():
        begun.append(name)
        await done.wait()


async def test_rpcs_beyond_the_capacity_wait_in_order_and_the_count_is_of_work_alone(clock: Clock) -> None:
    capacity, begun = Capacity(2, clock), list[str]()
    ends = {name: asyncio.Event() for name in "abcd"}
    tasks = []
    for name in "abcd":
        tasks.append(asyncio.create_task(work(capacity, begun, name, ends[name])))
        await settle()
    assert begun == ["a", "b"]
    assert capacity.busy() == Busy(uptime=0.0, busy=0.0, waiting=2)

    clock.now += 3.0  # two are worked on
    ends["b"].set()
    await settle()
    assert begun == ["a", "b", "c"]
    assert capacity.busy() == Busy(uptime=3.0, busy=6.0, waiting=1)

    clock.now += 1.0
    for end in ends.values():
        end.set()
    await asyncio.gather(*tasks)
    clock.now += 10.0  # idle
    assert begun == ["a", "b", "c", "d"]
    assert capacity.busy() == Busy(uptime=14.0, busy=8.0, waiting=0)


async def test_one_that_is_given_up_while_it_waits_takes_no_turn(clock: Clock) -> None:
    capacity, begun = Capacity(1, clock), list[str]()
    ends = {name: asyncio.Event() for name in "abc"}
    tasks = [asyncio.create_task(work(capacity, begun, name, ends[name])) for name in "abc"]
    await settle()
    tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[1]
    clock.now += 1.0
    for end in ends.values():
        end.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert begun == ["a", "c"]
    assert capacity.busy() == Busy(uptime=1.0, busy=1.0, waiting=0)


async def test_without_a_bound_nobody_waits(clock: Clock) -> None:
    capacity, begun = Capacity(None, clock), list[str]()
    done = asyncio.Event()
    tasks = [asyncio.create_task(work(capacity, begun, name, done)) for name in "abcdefgh"]
    await settle()
    clock.now += 0.5
    assert len(begun) == 8
    assert capacity.busy() == Busy(uptime=0.5, busy=4.0, waiting=0)
    done.set()
    await asyncio.gather(*tasks)


async def test_the_programs_with_a_capacity_and_a_load_that_grows(start: Start) -> None:
    server = await start(
        *("greeter.server", "--address", "127.0.0.1:0", "--control-address", "127.0.0.1:0"),
        *("--work", "0.05", "--concurrency", "2"),
    )
    address = (await server.event("serving"))["address"]
    client = await start(
        *("greeter.client", "--target", address, "--duration", "1.5", "--timeout", "30"),
        *("--max-lateness", "30"),  # on a busy machine, too
        *("--rates", "0:4,0.5:4,0.5:80,1.5:80"),
    )
    tally = (await client.event("finished"))["tally"]
    # 4/s for 0.5 s and 80/s for 1 s, of which the server can do 40/s: whoever waits is answered in the end.
    assert tally["scheduled"] == 82
    assert tally["by_code"] == {"OK": 82}
    server.process.send_signal(signal.SIGTERM)
    assert (await server.event("stopped"))["answered"] == {"OK": 82}


async def test_the_control_service_tells_how_busy_the_server_was(start: Start) -> None:
    control = f"127.0.0.1:{free_port()}"
    server = await start(
        *("greeter.server", "--address", "127.0.0.1:0", "--control-address", control),
        *("--work", "0.1", "--concurrency", "2"),
    )
    address = (await server.event("serving"))["address"]
    meter = Meter(control)
    before = await meter.read(10)
    assert before is not None
    assert (before.busy, before.concurrency, before.waiting, before.ended) == (0.0, 2, 0, 0)
    async with grpc.aio.insecure_channel(address) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        begun = time.monotonic()
        await asyncio.gather(*(stub.SayHello(greeter_pb2.SayHelloRequest()) for _ in range(6)))
        took = time.monotonic() - begun
    after = await meter.read(10)
    assert after is not None
    assert (after.ended, after.waiting) == (6, 0)
    # Six of at least 0.1 s each; two at a time, for no longer than it took.
    assert 6 * 0.1 <= after.busy <= 2 * took
    assert after.uptime > before.uptime
    await meter.aclose()
