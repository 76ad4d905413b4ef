"""``greeter.server``: arguments, running the server, and the exit status."""

import argparse
import asyncio
import contextlib
import functools
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from greeter import arguments
from greeter.events import emit, leave_word
from greeter.server.capacity import Capacity
from greeter.server.control import Control, control_service
from greeter.server.drain import Termination, drain
from greeter.server.faults import Faults
from greeter.server.load_report import LoadReporter
from greeter.server.servicer import SERVICE, Greeter
from greeter.server.streams import SERVICE as STREAM_SERVICE
from greeter.server.streams import GreetingStreams
from greeter.server.warm_up import WarmUp
from greeter.v1 import greeter_pb2_grpc, streams_pb2_grpc


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status: 0, or 1 if an address is taken, or by a fault."""
    termination = Termination()
    args = _parser().parse_args(argv)
    return asyncio.run(_serve(args, termination))


async def _serve(args: argparse.Namespace, termination: Termination) -> int:
    await asyncio.sleep(args.start_delay)
    for address in filter(None, (args.address, args.control_address, args.health_address)):
        obstacle = "--start-crash" if args.start_crash else _obstacle(address)
        if obstacle:
            sys.stderr.write(f"greeter.server: cannot listen on {address}: {obstacle}\n")
            return 1
    # Two pods must never share an address: the second must fail, not take half of the connections.
    server = grpc.aio.server(options=[*args.channel_arg, ("grpc.so_reuseport", 0)])
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    faults = Faults(functools.partial(_set_ready, health_servicer))
    capacity = Capacity(args.concurrency)
    pod_name = os.environ.get("POD_NAME") or socket.gethostname()
    greeter = Greeter(pod_name, args.work, faults, capacity, _warm_up(args))
    greeter_pb2_grpc.add_GreeterServiceServicer_to_server(greeter, server)
    streams = GreetingStreams(pod_name, greeter.served)
    streams_pb2_grpc.add_StreamServiceServicer_to_server(streams, server)
    reflected = (SERVICE, STREAM_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(reflected, server)
    async with contextlib.AsyncExitStack() as stack:
        try:
            faults.port = _listen(server, args)
            if args.health_address:
                await stack.enter_async_context(_probed(args.health_address, health_servicer))
            if args.control_address:
                control = Control(faults, capacity, greeter.answered)
                await stack.enter_async_context(control_service(args.control_address, control, faults))
        except RuntimeError as error:  # taken since it was checked
            sys.stderr.write(f"greeter.server: {error}\n")
            return 1
        if args.report_load:
            greeter.reporter = faults.reporter = LoadReporter(greeter.answered)
            stack.callback(asyncio.create_task(greeter.reporter.run()).cancel)
        await server.start()
        await _set_ready(health_servicer, True)
        emit("serving", address=f"{args.address.rpartition(':')[0]}:{faults.port}")
        await termination.wait()
        await drain(server, health_servicer, args.drain_wait, args.drain_grace)
        await greeter.counted()
    extra = {} if greeter.cold == 0 else {"cold": greeter.cold}
    stopped = emit("stopped", answered=dict(greeter.answered), messages=dict(streams.messages), **extra)
    leave_word(args.last_words, stopped)
    return 0


def _listen(server: grpc.aio.Server, args: argparse.Namespace) -> int:
    """Listen on the address, with TLS if there is a certificate; returns the port."""
    if args.tls_certificate is None:
        return server.add_insecure_port(args.address)
    credentials = grpc.ssl_server_credentials(
        [(args.tls_key, args.tls_certificate)], args.tls_ca, require_client_auth=args.tls_ca is not None
    )
    return server.add_secure_port(args.address, credentials)


@contextlib.asynccontextmanager
async def _probed(address: str, health_servicer: health.aio.HealthServicer) -> AsyncIterator[None]:
    """Answer probes, and nothing else, in plain text: a kubelet's probes of gRPC speak no TLS."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


def _warm_up(args: argparse.Namespace) -> WarmUp | None:
    if args.cold_factor == 1:
        return None
    return WarmUp(args.cold_factor, args.cold_seconds, args.cold_rpcs)


async def _set_ready(health_servicer: health.aio.HealthServicer, ready: bool) -> None:
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", SERVICE):
        await health_servicer.set(service, serving if ready else health_pb2.HealthCheckResponse.NOT_SERVING)


def _obstacle(address: str) -> str | None:
    """Return why the address cannot be used, or None. gRPC's own error has several lines and no reason."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gRPC does: connections in TIME_WAIT do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
            probe.listen()
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None


def _parser() -> arguments.Parser:
    parser = arguments.Parser(prog="greeter.server", description="Answer greetings after a constant time.")
    add = parser.add_argument
    add("--address", type=arguments.address, default="127.0.0.1:50051", help="IP:PORT (default: %(default)s)")
    add(
        "--control-address",
        type=arguments.loopback_address,
        help="loopback IP:PORT of the control service: makes faults, reports how busy it is (none)",
    )
    add(
        "--work", type=arguments.not_negative, default=0.02, help="seconds that an answer takes (%(default)s)"
    )
    add(
        "--concurrency",
        type=arguments.count,
        help="RPCs that are handled at a time; others wait for their turn (no limit)",
    )
    add(
        "--health-address",
        type=arguments.address,
        help="IP:PORT, where probes that speak no TLS find the health service, and nothing else (none)",
    )
    add(
        "--tls-certificate",
        type=arguments.content,
        metavar="FILE",
        help="the server's certificate (plain text)",
    )
    add("--tls-key", type=arguments.content, metavar="FILE", help="the certificate's private key")
    add(
        "--tls-ca",
        type=arguments.content,
        metavar="FILE",
        help="a CA file: only clients with a certificate of this CA are served (default: all clients)",
    )
    add(
        "--cold-factor",
        type=arguments.factor,
        default=1.0,
        help="the first answer takes this many times the work; the factor falls linearly to 1 (%(default)s)",
    )
    add("--cold-seconds", type=arguments.positive, help="seconds from the start until it is warm (no limit)")
    add("--cold-rpcs", type=arguments.count, help="RPCs until it is warm (no limit)")
    add(
        "--drain-wait",
        type=arguments.not_negative,
        default=0.0,
        help="seconds from NOT_SERVING to GOAWAY (%(default)s)",
    )
    add(
        "--drain-grace",
        type=arguments.not_negative,
        default=5.0,
        help="seconds for RPCs in flight (%(default)s)",
    )
    add(
        "--report-load",
        action="store_true",
        help="report the load in each answer's trailers, for weighted_round_robin",
    )
    add(
        "--start-delay",
        type=arguments.not_negative,
        default=0.0,
        help="seconds before it listens: a slow start (%(default)s)",
    )
    add("--start-crash", action="store_true", help="end with status 1 instead of listening")
    add(
        "--last-words",
        metavar="FILE",
        help="a file to which the last event is also written, such as /dev/termination-log in a pod (none)",
    )
    add(
        "--channel-arg",
        type=arguments.channel_argument,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a gRPC server argument, such as grpc.max_connection_age_ms=10000; repeatable",
    )
    return parser
