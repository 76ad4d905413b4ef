"""The control plane in this process, asked by hand: what is withheld, who is waited for, how streams end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from endpoint_push import wire
from endpoint_push.catalog import Catalog
from endpoint_push.control_plane import ControlPlane
from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Policy
from endpoint_push.records import Acked, ClientConnected, ClientDisconnected, Nacked, Record, VersionSent
from endpoint_push.v1 import push_pb2
from endpoint_push.wire import ResourceType
from endpoint_push.xds.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse, Node, Status

GUARD = 120.0  # s
A, B = Endpoint("10.0.0.1", 50051), Endpoint("10.0.0.2", 50051)


class Served:
    """A control plane, and streams to it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.plane = ControlPlane(Catalog(Policy()), self.records.append)
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((self.plane.handler(),))
        self.channel: grpc.aio.Channel

    async def begin(self) -> None:
        port = self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")

    def stream(self) -> Any:  # noqa: ANN401  # grpc's call
        call = self.channel.stream_stream(
            f"/{wire.SERVICE}/{wire.METHOD}",
            request_serializer=DiscoveryRequest.SerializeToString,
            response_deserializer=DiscoveryResponse.FromString,
        )
        return call()

    async def told(self, kind: type[Record], count: int = 1) -> None:
        """Wait for records of a kind: nothing tells of them, and they come within a few turns of the loop."""
        async with asyncio.timeout(GUARD):
            while sum(isinstance(record, kind) for record in self.records) < count:  # noqa: ASYNC110  # see above
                await asyncio.sleep(0)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.begin()
    made.plane.settled.set()
    yield made
    await made.channel.close()
    await made.server.stop(None)


def ask(nonce: str = "", error: str = "") -> DiscoveryRequest:
    return DiscoveryRequest(
        node=Node(id="client-a"),
        type_url=ResourceType.ENDPOINTS,
        resource_names=["greeter"],
        response_nonce=nonce,
        error_detail=Status(message=error) if error else None,
    )


async def read(stream: Any) -> DiscoveryResponse:  # noqa: ANN401
    async with asyncio.timeout(GUARD):
        response = await stream.read()
    assert isinstance(response, DiscoveryResponse)
    return response


def matches(endpoint: Endpoint) -> bool:
    return endpoint == A


async def test_nothing_is_answered_before_all_there_is_has_been_read(served: Served) -> None:
    stream = served.stream()
    await stream.write(ask())
    served.plane.set_endpoints("greeter", [A])
    await served.told(ClientConnected)
    served.plane.set_endpoints("greeter", [A, B])  # still reading: a client would have got the first half
    for _ in range(20):  # turns of the loop that both are in: more than it would take to send
        await asyncio.sleep(0)
    assert not any(isinstance(record, VersionSent) for record in served.records)
    served.plane.source_synced()

    assert (await read(stream)).version_info == "2"


async def test_a_removal_is_acknowledged_when_every_client_has_taken_the_list_without_it(
    served: Served,
) -> None:
    served.plane.set_endpoints("greeter", [A, B])
    served.plane.source_synced()
    streams = [served.stream(), served.stream()]
    for stream in streams:
        await stream.write(ask())
        await stream.write(ask((await read(stream)).nonce))
    await served.told(Acked, 2)
    waiting = asyncio.create_task(served.plane.await_removed(matches))
    served.plane.set_endpoints("greeter", [B])
    nonces = [(await read(stream)).nonce for stream in streams]
    await streams[0].write(ask(nonces[0]))
    await served.told(Acked, 3)
    assert not waiting.done()
    await streams[1].write(ask(nonces[1], error="refused"))
    await served.told(Nacked)
    assert not waiting.done()
    streams[1].cancel()  # a client that is gone uses nothing any more

    assert await asyncio.wait_for(waiting, GUARD) == push_pb2.REMOVAL_ACKNOWLEDGED


async def test_a_removal_waits_until_all_there_is_has_been_read(served: Served) -> None:
    waiting = asyncio.create_task(served.plane.await_removed(matches))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    served.plane.source_synced()

    assert await asyncio.wait_for(waiting, GUARD) == push_pb2.REMOVAL_ACKNOWLEDGED


async def test_a_removal_waits_until_clients_of_the_one_before_had_time_to_come_back(served: Served) -> None:
    served.plane.settled.clear()
    served.plane.set_endpoints("greeter", [B])
    served.plane.source_synced()
    waiting = asyncio.create_task(served.plane.await_removed(matches))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    served.plane.settled.set()

    assert await asyncio.wait_for(waiting, GUARD) == push_pb2.REMOVAL_ACKNOWLEDGED


async def test_streams_end_in_order_when_the_control_plane_stops(served: Served) -> None:
    served.plane.set_endpoints("greeter", [A])
    served.plane.source_synced()
    stream = served.stream()
    await stream.write(ask())
    await read(stream)
    served.plane.stop()

    async with asyncio.timeout(GUARD):
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
    assert any(isinstance(record, ClientDisconnected) for record in served.records)
