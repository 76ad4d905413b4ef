"""What all programs with this load have in common: arguments, channels, the load, and the exit status."""

import argparse
import asyncio
import contextlib
import gc
import json
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

import grpc

from greeter import arguments
from greeter.client.course import Course
from greeter.client.load import Calls, Limits, Load
from greeter.client.schedule import Schedule
from greeter.client.streams import KINDS, StreamPlan
from greeter.events import emit

ROUND_ROBIN = '{"loadBalancingConfig":[{"round_robin":{}}]}'

CallsOf = Callable[[Sequence[grpc.aio.Channel]], Awaitable[Calls]]
"""Takes the channels, one for each client, and returns what each client calls."""


def stream_plan(args: argparse.Namespace) -> StreamPlan | None:
    """Return the streams that the arguments of ``add_load_arguments`` describe; None if there are none."""
    if args.stream_kind is None:
        return None
    return StreamPlan(args.stream_kind, args.stream_rate, args.stream_life, args.stream_share)


async def run_load(args: argparse.Namespace, calls_of: CallsOf) -> int:
    """Run the load that the arguments describe; returns the exit status."""
    options = [
        ("grpc.service_config", args.service_config),
        *args.channel_arg,
        # Otherwise channels with equal options share subchannels, and N clients would be one.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    async with contextlib.AsyncExitStack() as stack:
        channels = [_channel(args, options) for _ in range(args.clients)]
        for channel in channels:
            stack.push_async_callback(channel.close)
            channel.get_state(try_to_connect=True)
        calls = await calls_of(channels)
        schedule = Schedule(args.clients, args.rate, args.duration, args.seed, args.rates)
        limits = Limits(args.timeout, args.max_in_flight, args.max_lateness)
        load = Load(calls, schedule, limits)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, load.stop)
        emit("started", target=args.target, clients=args.clients, start_at=args.start_at)
        gc.freeze()  # collections skip what the imports made: scanning it would delay RPCs
        elapsed = await load.run(args.start_at)
        emit("finished", tally=load.tally.report(elapsed))
    return 0


def _channel(args: argparse.Namespace, options: Sequence[tuple[str, int | str]]) -> grpc.aio.Channel:
    if args.tls_ca is None:
        return grpc.aio.insecure_channel(args.target, options=options)
    own = (None, None) if args.tls_certificate is None else (args.tls_key, args.tls_certificate)
    credentials = grpc.ssl_channel_credentials(args.tls_ca, *own)
    return grpc.aio.secure_channel(args.target, credentials, options=options)


def _service_config(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return text


def _course(text: str) -> Course:
    try:
        return Course.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is not AT:RATE,AT:RATE… with instants from 0 on, in order, and no rate below 0"
        ) from None


def add_load_arguments(parser: arguments.Parser) -> None:
    """Add the arguments that ``run_load`` reads."""
    add = parser.add_argument
    add("--target", required=True, help="dns://AUTHORITY/NAME:PORT, or another gRPC target")
    add(
        "--clients", type=arguments.count, default=1, help="channels, each of which is a client (%(default)s)"
    )
    add("--rate", type=arguments.positive, default=10.0, help="RPC/s of each client (%(default)s)")
    add(
        "--rates",
        type=_course,
        metavar="AT:RATE,…",
        help="the rate over time, linear from one point to the next, such as 0:10,20:10,30:40 (constant)",
    )
    add("--timeout", type=arguments.positive, default=5.0, help="an RPC's deadline in seconds (%(default)s)")
    add("--start-at", type=arguments.not_negative, default=time.time(), help="seconds since the epoch (now)")
    add("--duration", type=arguments.positive, default=10.0, help="seconds of load (%(default)s)")
    add("--seed", type=int, default=0, help="seed of the clients' phases (%(default)s)")
    add(
        "--max-in-flight",
        type=arguments.count,
        default=1000,
        help="most RPCs of one client in flight (%(default)s)",
    )
    add(
        "--max-lateness",
        type=arguments.positive,
        default=1.0,
        help="seconds; an RPC that is later than this is not sent (%(default)s)",
    )
    add(
        "--tls-ca",
        type=arguments.content,
        metavar="FILE",
        help="the CA whose servers are trusted (plain text)",
    )
    add("--tls-certificate", type=arguments.content, metavar="FILE", help="the client's certificate (none)")
    add("--tls-key", type=arguments.content, metavar="FILE", help="the certificate's private key")
    add("--stream-kind", choices=KINDS, help="who sends the messages of streams (no streams)")
    add(
        "--stream-rate",
        type=arguments.positive,
        default=1.0,
        help="messages per second of a stream (%(default)s)",
    )
    add(
        "--stream-life",
        type=arguments.positive,
        default=30.0,
        help="seconds for which a stream is held open, at most to the load's end (%(default)s)",
    )
    add("--stream-share", type=arguments.share, default=1.0, help="of the calls are streams (%(default)s)")
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
