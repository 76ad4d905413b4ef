"""The control plane: the catalog, the streams that follow it, and what can be asked about both."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable

import grpc

from endpoint_push.catalog import Catalog
from endpoint_push.endpoints import Endpoint
from endpoint_push.observer import Observer
from endpoint_push.records import Record, SourceLost, SourceSynced
from endpoint_push.stream import Stream
from endpoint_push.v1 import push_pb2
from endpoint_push.wire import METHOD, SERVICE
from endpoint_push.xds.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse


class ControlPlane:
    """Serves any number of streams from one catalog, all in one event loop."""

    def __init__(self, catalog: Catalog, tell: Observer) -> None:
        self._catalog = catalog
        self._tell = tell
        self._streams: dict[Stream, asyncio.Event] = {}
        self._numbers = 0
        self._news = asyncio.Condition()
        self._stopping = False
        self.synced = asyncio.Event()
        self.settled = asyncio.Event()

    # --- the source of endpoints -------------------------------------------------------------------

    def set_endpoints(self, service: str, endpoints: Iterable[Endpoint]) -> int:
        """Set a service's endpoints and push what that changes; returns the latest version."""
        record = self._catalog.set_endpoints(service, endpoints, time.time_ns())
        if record is not None:
            self._tell(record)
            self._wake()
        return self._catalog.version

    def source_synced(self) -> None:
        """Note that the source was read completely: from now on clients are answered."""
        self._tell(SourceSynced(time.time_ns(), len(self._catalog.services)))
        if not self.synced.is_set():
            self.synced.set()
            self._wake()

    def source_lost(self, reason: str) -> None:
        """Note that the source of endpoints does not answer."""
        self._tell(SourceLost(time.time_ns(), reason))

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all services."""
        return self._catalog.services

    # --- clients ----------------------------------------------------------------------------------

    def handler(self) -> grpc.GenericRpcHandler:
        """The discovery service, under Envoy's name."""
        method = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=DiscoveryRequest.FromString,
            response_serializer=DiscoveryResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def _serve(
        self,
        requests: AsyncIterator[DiscoveryRequest],
        context: grpc.aio.ServicerContext[DiscoveryRequest, DiscoveryResponse],  # noqa: ARG002  # gRPC's signature
    ) -> AsyncIterator[DiscoveryResponse]:
        self._numbers += 1
        stream, woken = Stream(self._numbers, self._catalog), asyncio.Event()
        self._streams[stream] = woken
        reading = asyncio.create_task(self._read(requests, stream))
        reading.add_done_callback(lambda _: woken.set())
        try:
            while not (reading.done() or self._stopping):
                woken.clear()
                if self.synced.is_set():
                    for response, record in stream.due(time.time_ns()):
                        self._tell(record)
                        yield response
                await woken.wait()
            if reading.done():
                reading.result()
        finally:
            reading.cancel()
            del self._streams[stream]
            self._tell_all(stream.ended(time.time_ns()))
            await self._notify()

    async def _read(self, requests: AsyncIterator[DiscoveryRequest], stream: Stream) -> None:
        async for request in requests:
            self._tell_all(stream.received(request, time.time_ns()))
            self._streams[stream].set()
            await self._notify()

    # --- servers that are about to end ------------------------------------------------------------

    async def await_removed(self, matches: Callable[[Endpoint], bool]) -> push_pb2.Removal:
        """Wait, without a limit, until no connected client may use a matching endpoint.

        A control plane that has just started does not know the clients of the one before, which still use the
        list that it sent them. So nothing is confirmed before ``settled``, when they have reconnected.
        """
        await self.synced.wait()
        await self.settled.wait()
        async with self._news:
            while (removal := self._removal(matches)) is None:
                await self._news.wait()
            return removal

    def _removal(self, matches: Callable[[Endpoint], bool]) -> push_pb2.Removal | None:
        services = self._catalog.services_of(matches)
        if any(self._catalog.is_listed(service, matches) for service in services):
            return None
        kept = [service for service in services if self._catalog.is_kept(service, matches)]
        waiting = [service for service in services if service not in kept]
        if any(stream.may_use(service, matches) for stream in self._streams for service in waiting):
            return None
        return push_pb2.REMOVAL_WITHHELD if kept else push_pb2.REMOVAL_ACKNOWLEDGED

    # --- stop --------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End all streams in order; clients turn to another control plane, or wait for this one."""
        self._stopping = True
        self._wake()

    # ----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        for woken in self._streams.values():
            woken.set()
        self._notification = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _tell_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self._tell(record)
