"""RPCs that hang, and the end of the fault that lets them."""

import asyncio
from typing import Any

from greeter.server.faults import Faults
from greeter.server.servicer import Greeter
from greeter.v1 import control_pb2, greeter_pb2


async def test_an_rpc_is_answered_whose_fault_is_lifted_while_it_is_worked_on() -> None:
    async def nobody(_: bool) -> None:
        pass

    faults = Faults(nobody)
    await faults.inject(control_pb2.InjectFaultRequest(id="h", hang=control_pb2.Hang(rate=1.0)))
    unused: Any = None
    service = Greeter("pod", 0.0, faults)
    rpc = asyncio.create_task(service.SayHello(greeter_pb2.SayHelloRequest(name="you"), unused))
    await asyncio.sleep(
        0
    )  # the RPC has its trouble, and is worked on: it does not wait for the fault's end yet

    await faults.lift("h")

    async with asyncio.timeout(120):
        assert (await rpc).pod_name == "pod"
