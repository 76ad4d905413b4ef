"""``caller``: calls any method on a schedule, and returns the exit status."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from google.protobuf.descriptor import MethodDescriptor
from greeter import arguments
from greeter.client.load import Calls
from greeter.client.run import add_load_arguments, run_load, stream_plan
from greeter.events import emit

from caller.calls import call_of, requests_of, stream_of, stream_of_method
from caller.descriptors import DescriptionError, ask_server, compile_protos, method_of, read_descriptor_set

_DESCRIBED_WITHIN = 10.0  # s for a server to describe its methods


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load; returns the exit status: 2 if the method cannot be called."""
    args = _parser().parse_args(argv)
    try:
        described = _from_files(args)
        return asyncio.run(run_load(args, lambda channels: _calls(channels, args, described)))
    except DescriptionError as error:
        sys.stderr.write(f"caller: error: {error}\n")
        return 2


def _from_files(args: argparse.Namespace) -> MethodDescriptor | None:
    if args.descriptor_set is not None:
        return method_of(read_descriptor_set(args.descriptor_set), args.method)
    if args.proto:
        return method_of(compile_protos(args.proto, args.imports), args.method)
    return None


async def _calls(
    channels: Sequence[grpc.aio.Channel], args: argparse.Namespace, described: MethodDescriptor | None
) -> Calls:
    if described is None:
        service = args.method.rpartition("/")[0]
        # Over one of the load's channels: another channel would be another client.
        described = method_of(await ask_server(channels[0], service, _DESCRIBED_WITHIN), args.method)
    requests = requests_of(described, args.request)
    metadata = tuple(args.metadata)
    calls = [call_of(channel, described, requests, metadata) for channel in channels]
    plan, not_applied = stream_of_method(described, stream_plan(args))
    for option, why in not_applied:
        emit("option_not_applied", option=option, why=why)
    if plan is None:
        return Calls(calls)
    streams = [stream_of(channel, described, requests, metadata, plan) for channel in channels]
    return Calls(calls, streams, plan)


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="caller", description="Call a method on a schedule, without waiting for answers."
    )
    add = parser.add_argument
    add("--method", type=_method, required=True, help="PACKAGE.SERVICE/METHOD, of any of the four kinds")
    add(
        "--request",
        type=_json,
        default="{}",
        help="the request as protobuf JSON; a list for a method that takes a stream (%(default)s)",
    )
    add(
        "--metadata",
        type=_metadata,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="request metadata; repeatable",
    )
    add(
        "--descriptor-set",
        type=Path,
        help="a file that protoc --descriptor_set_out wrote (default: ask the server by reflection)",
    )
    add(
        "--proto",
        type=Path,
        action="append",
        default=[],
        help="a .proto file; repeatable (default: ask the server by reflection)",
    )
    add(
        "--import",
        dest="imports",
        type=Path,
        action="append",
        default=[],
        help="a folder in which to find imported .proto files; repeatable (default: each file's own)",
    )
    add_load_arguments(parser)
    return parser


def _method(text: str) -> str:
    service, separator, name = text.removeprefix("/").rpartition("/")
    if not (separator and service and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not PACKAGE.SERVICE/METHOD")
    return f"{service}/{name}"


def _json(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, (dict, list)):
        raise argparse.ArgumentTypeError("not a JSON object, or a list of them")
    return text


def _metadata(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not (separator and key):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
