"""``greeter.server``: arguments, the server's life, and its exit status."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from greeter import arguments
from greeter.events import emit
from greeter.server.control import serve_control
from greeter.server.drain import Termination, drain
from greeter.server.faults import Faults
from greeter.server.load_report import LoadReporter
from greeter.server.servicer import SERVICE, Greeter
from greeter.v1 import greeter_pb2_grpc


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status: 0, or 1 when an address can't be had, or by a fault."""
    termination = Termination()
    args = _parser().parse_args(argv)
    return asyncio.run(_serve(args, termination))


async def _serve(args: argparse.Namespace, termination: Termination) -> int:
    if args.start_delay:
        await asyncio.sleep(args.start_delay)
    if args.start_crash:
        sys.stderr.write("greeter.server: ends at its start, as --start-crash has it\n")
        return 1
    for address in filter(None, (args.address, args.control_address)):
        obstacle = _obstacle(address)
        if obstacle:
            sys.stderr.write(f"greeter.server: cannot listen on {address}: {obstacle}\n")
            return 1
    # Two pods must never share an address: a second one must fail, not take half of the connections.
    server = grpc.aio.server(options=[*args.channel_arg, ("grpc.so_reuseport", 0)])
    health_servicer = health.aio.HealthServicer()

    async def set_ready(ready: bool) -> None:  # noqa: FBT001  # it is what is set
        status = (
            health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", SERVICE):
            await health_servicer.set(service, status)

    faults = Faults(set_ready)
    greeter = Greeter(os.environ.get("POD_NAME") or socket.gethostname(), args.work, faults)
    greeter_pb2_grpc.add_GreeterServiceServicer_to_server(greeter, server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        faults.port = port = server.add_insecure_port(args.address)
        control = await serve_control(args.control_address, faults) if args.control_address else None
    except RuntimeError as error:  # taken between the look and the leap
        sys.stderr.write(f"greeter.server: {error}\n")
        return 1
    reporting: asyncio.Task[None] | None = None
    if args.report_load:
        greeter.reporter = faults.reporter = LoadReporter(greeter.answered)
        reporting = asyncio.create_task(greeter.reporter.run())
    await server.start()
    await set_ready(True)
    emit("serving", address=f"{args.address.rpartition(':')[0]}:{port}")
    await termination.wait()
    await drain(server, health_servicer, args.drain_wait, args.drain_grace)
    await greeter.counted()
    if reporting is not None:
        reporting.cancel()
    await faults.lift_all()
    if control is not None:
        await control.stop(None)
    emit("stopped", answered=dict(greeter.answered))
    return 0


def _obstacle(address: str) -> str | None:
    """Why the address can't be had, or None: gRPC's own error takes several lines and does not tell."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gRPC does: connections in TIME_WAIT are no obstacle.
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
        help="IP:PORT on loopback, where the control service makes trouble on request (none)",
    )
    add("--work", type=arguments.not_negative, default=0.02, help="seconds for an answer (%(default)s)")
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
        help="tell the load in each answer's trailers, for weighted_round_robin",
    )
    add(
        "--start-delay",
        type=arguments.not_negative,
        default=0.0,
        help="seconds before it listens: a slow start (%(default)s)",
    )
    add("--start-crash", action="store_true", help="end with status 1 in place of listening")
    add(
        "--channel-arg",
        type=arguments.channel_argument,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a gRPC server argument, such as grpc.max_connection_age_ms=10000; repeatable",
    )
    return parser
