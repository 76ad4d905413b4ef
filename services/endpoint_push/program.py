"""``endpoint_push``: arguments, running the control plane, and the exit status."""

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
"""The names that the health service knows."""
_PLAIN_OPTIONS = (("grpc.so_reuseport", 0),)  # two control planes must never share an address
_SERVER_OPTIONS = (
    # A client that vanished must not count as connected, nor delay a removal.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    # Clients may send keepalive pings however long nothing changes.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    *_PLAIN_OPTIONS,
)


class _UnableError(Exception):
    """It cannot be served. The message is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status: 0, or 1 if an address or the cluster cannot be used."""
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
    # Versions start from the clock, so that a restarted control plane repeats none.
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
    addresses = {"address": _listen(server, args.address, _credentials(args))}
    async with AsyncExitStack() as stack:
        if args.health_address:
            probed = grpc.aio.server(options=_PLAIN_OPTIONS)
            health_pb2_grpc.add_HealthServicer_to_server(health_servicer, probed)
            addresses["health"] = await _serve_until_end(probed, args.health_address, stack)
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
    """Start the source that the arguments name; it ends with the stack. Returns its listening addresses."""
    if args.reports is not None:
        reports = grpc.aio.server(options=_PLAIN_OPTIONS)
        push_pb2_grpc.add_EndpointServiceServicer_to_server(Reports(control_plane), reports)
        address = await _serve_until_end(reports, args.reports, stack)
        control_plane.source_synced()  # a service of which nothing was reported does not exist
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


async def _serve_until_end(server: grpc.aio.Server, address: str, stack: AsyncExitStack) -> str:
    """Start a plain-text server that ends with the stack. Returns the address that it listens on."""
    listening = _listen(server, address)
    await server.start()
    stack.push_async_callback(server.stop, None)
    return listening


def _credentials(args: argparse.Namespace) -> grpc.ServerCredentials | None:
    if args.tls_certificate is None:
        return None
    return grpc.ssl_server_credentials([(args.tls_key, args.tls_certificate)])


def _listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None = None) -> str:
    """Listen, and return the address with the port that was chosen if 0 was given."""
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
        return f"{address.rpartition(':')[0]}:{port}"
    except RuntimeError as error:
        raise _UnableError(
            f"cannot listen on {address}: it is in use, or not an address of this machine"
        ) from error


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
        help="IP:PORT for clients, terminating servers and probes (default: %(default)s)",
    )
    add(
        "--tls-certificate",
        type=arguments.content,
        metavar="FILE",
        help="that it shows at --address (plain text)",
    )
    add("--tls-key", type=arguments.content, metavar="FILE", help="its private key")
    add(
        "--health-address",
        type=arguments.address,
        help="IP:PORT, where probes that speak no TLS find the health service, and nothing else (none)",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--kubernetes",
        type=_name,
        metavar="NAMESPACE",
        nargs="?",
        const=os.environ.get("POD_NAMESPACE", "default"),
        help="watch this namespace's EndpointSlices (default: POD_NAMESPACE)",
    )
    source.add_argument(
        "--reports",
        type=arguments.address,
        metavar="IP:PORT",
        help="IP:PORT on which to accept endpoint reports (endpoint_push.v1.EndpointService)",
    )
    add(
        "--port-name",
        type=_name,
        default="grpc",
        help="the port that speaks gRPC, if a Service has several (default: %(default)s)",
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
