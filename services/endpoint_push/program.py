"""``endpoint_push``: arguments, the control plane's life, and its exit status."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc
from greeter import arguments
from greeter.events import emit
from greeter.server.drain import Termination
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from endpoint_push import observer, removal, wire
from endpoint_push.catalog import Catalog
from endpoint_push.control_plane import ControlPlane
from endpoint_push.log import Log
from endpoint_push.policy import Policy, PolicyError
from endpoint_push.removal import Removals
from endpoint_push.sources.reports import Reports
from endpoint_push.v1 import push_pb2_grpc

SERVICES = ("", wire.SERVICE, removal.SERVICE)
"""The names for which the health service answers."""
_SERVER_OPTIONS = (
    # A client that is gone without a word must not count as connected, nor hold up a removal.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    # Clients may do the same, however long nothing changes.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Two must never share an address.
    ("grpc.so_reuseport", 0),
)


class _UnableError(Exception):
    """It cannot be served; the message is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status: 0, or 1 when an address or the cluster can't be had."""
    termination = Termination()
    args = _parser().parse_args(argv)
    try:
        asyncio.run(_serve(args, termination))
    except _UnableError as error:
        sys.stderr.write(f"endpoint_push: {error}\n")
        return 1
    return 0


async def _serve(args: argparse.Namespace, termination: Termination) -> None:
    log = Log()
    observer.add_observer(log.observe)
    # Versions of a control plane that was started anew must not repeat: they start from the clock.
    control_plane = ControlPlane(Catalog(args.policy, time.time_ns() // 1_000_000), observer.tell)
    server = grpc.aio.server(options=_SERVER_OPTIONS)
    server.add_generic_rpc_handlers((control_plane.handler(),))
    push_pb2_grpc.add_RemovalServiceServicer_to_server(Removals(control_plane), server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection(
        (removal.SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    for service in SERVICES:
        await health_servicer.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
    addresses = {"address": _listen(server, args.address)}
    async with AsyncExitStack() as stack:
        addresses |= await _begin_source(args, control_plane, stack)
        await server.start()
        ended = asyncio.create_task(termination.wait())
        synced = asyncio.create_task(control_plane.synced.wait())
        await asyncio.wait({ended, synced}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            for service in SERVICES:
                await health_servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
            emit("serving", **addresses)
            asyncio.get_running_loop().call_later(args.settle, control_plane.settled.set)
        await ended
        synced.cancel()
        emit("draining")
        await health_servicer.enter_graceful_shutdown()
        control_plane.stop()
        await server.stop(args.grace)
    emit("stopped", records=log.report())


async def _begin_source(
    args: argparse.Namespace, control_plane: ControlPlane, stack: AsyncExitStack
) -> dict[str, str]:
    """Have endpoints come from where the arguments say, until the stack ends; returns what it listens on."""
    if args.reports is not None:
        reports = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        push_pb2_grpc.add_EndpointServiceServicer_to_server(Reports(control_plane), reports)
        address = _listen(reports, args.reports)
        await reports.start()
        stack.push_async_callback(reports.stop, None)
        control_plane.source_synced()  # a service of which nothing was reported is none
        return {"reports": address}
    try:
        from endpoint_push.sources.kubernetes import (  # noqa: PLC0415  # an extra, not needed otherwise
            EndpointSliceWatch,
            KubernetesError,
        )
    except ModuleNotFoundError as error:
        raise _UnableError(f"--kubernetes needs the extra greeter[kubernetes]: {error}") from error
    try:
        watch = EndpointSliceWatch.open(control_plane, args.kubernetes, args.port_name)
    except KubernetesError as error:
        raise _UnableError(str(error)) from error
    stack.push_async_callback(watch.close)
    watching = asyncio.create_task(watch.run())
    stack.callback(watching.cancel)
    return {}


def _listen(server: grpc.aio.Server, address: str) -> str:
    """Returns the address with the port that was free, where 0 was asked for."""
    try:
        return f"{address.rpartition(':')[0]}:{server.add_insecure_port(address)}"
    except RuntimeError as error:
        raise _UnableError(f"cannot listen on {address}: in use, or not of this machine") from error


def _policy(text: str) -> Policy:
    try:
        return Policy.parse(text)
    except PolicyError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="endpoint_push", description="Push the Ready servers to gRPC clients that name xds:///SERVICE."
    )
    add = parser.add_argument
    add(
        "--address",
        type=arguments.address,
        default="127.0.0.1:18000",
        help="IP:PORT for clients, for servers that end and for probes (default: %(default)s)",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--kubernetes",
        type=_name,
        metavar="NAMESPACE",
        nargs="?",
        const=os.environ.get("POD_NAMESPACE", "default"),
        help="watch this namespace's EndpointSlices; without a name, that of POD_NAMESPACE",
    )
    source.add_argument(
        "--reports",
        type=arguments.address,
        metavar="IP:PORT",
        help="take endpoints that are reported here (endpoint_push.v1.EndpointService)",
    )
    add(
        "--port-name",
        type=_name,
        default="grpc",
        help="of a Service with several ports, the one that speaks gRPC (default: %(default)s)",
    )
    add(
        "--policy",
        type=_policy,
        default=Policy(),
        metavar="JSON",
        help='of all services, such as {"balancing": "weighted_round_robin", "retry": {}} (round robin)',
    )
    add(
        "--settle",
        type=arguments.not_negative,
        default=8.0,
        help="seconds for clients of the control plane before to come back, in which no removal is"
        " acknowledged (%(default)s)",
    )
    add(
        "--grace", type=arguments.not_negative, default=1.0, help="seconds for clients to leave (%(default)s)"
    )
    return parser
