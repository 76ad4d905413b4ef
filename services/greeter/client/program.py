"""``greeter.client``: arguments, channels, the load, and the exit status."""

import argparse
import asyncio
import contextlib
import gc
import json
import signal
import time
from collections.abc import Sequence

import grpc

from greeter import arguments
from greeter.client.load import Limits, Load
from greeter.client.schedule import Schedule
from greeter.events import emit

ROUND_ROBIN = '{"loadBalancingConfig":[{"round_robin":{}}]}'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load; returns the exit status."""
    return asyncio.run(_run(_parser().parse_args(argv)))


async def _run(args: argparse.Namespace) -> int:
    options = [
        ("grpc.service_config", args.service_config),
        *args.channel_arg,
        # Channels with equal options share subchannels otherwise, and N clients would be one.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    async with contextlib.AsyncExitStack() as stack:
        channels = [grpc.aio.insecure_channel(args.target, options=options) for _ in range(args.clients)]
        for channel in channels:
            stack.push_async_callback(channel.close)
            channel.get_state(try_to_connect=True)
        schedule = Schedule(args.clients, args.rate, args.duration, args.seed)
        limits = Limits(args.timeout, args.max_in_flight, args.max_lateness)
        load = Load(channels, schedule, limits)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, load.stop)
        emit("started", target=args.target, clients=args.clients, start_at=args.start_at)
        gc.freeze()  # what the imports made stays: a full collection over it would be late RPCs
        elapsed = await load.run(args.start_at)
        emit("finished", tally=load.tally.report(elapsed))
    return 0


def _service_config(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return text


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="greeter.client", description="Send greetings on a schedule, whatever the answers do."
    )
    add = parser.add_argument
    add("--target", required=True, help="dns://AUTHORITY/NAME:PORT, or another gRPC target")
    add("--clients", type=arguments.count, default=1, help="channels, each a client of its own (%(default)s)")
    add("--rate", type=arguments.positive, default=10.0, help="RPC/s of each client (%(default)s)")
    add("--timeout", type=arguments.positive, default=5.0, help="an RPC's deadline in seconds (%(default)s)")
    add("--start-at", type=arguments.not_negative, default=time.time(), help="seconds since the epoch (now)")
    add("--duration", type=arguments.positive, default=10.0, help="seconds of load (%(default)s)")
    add("--seed", type=int, default=0, help="decides the clients' phases (%(default)s)")
    add("--max-in-flight", type=arguments.count, default=1000, help="RPCs of one client (%(default)s)")
    add(
        "--max-lateness",
        type=arguments.positive,
        default=1.0,
        help="seconds; an RPC that is due for longer is not sent (%(default)s)",
    )
    add(
        "--service-config",
        type=_service_config,
        default=ROUND_ROBIN,
        help="gRPC service config (%(default)s)",
    )
    add(
        "--channel-arg",
        type=arguments.channel_argument,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a gRPC channel argument; repeatable",
    )
    return parser
