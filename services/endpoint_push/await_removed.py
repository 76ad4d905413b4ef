"""``python -m endpoint_push.await_removed``: wait until no client has this server in its list any more.

Made for a preStop hook: Kubernetes takes the pod out of its EndpointSlice when it is told to end, runs the
hook, and sends SIGTERM after it. The exit status is 0 when every control plane has said so, else 1; the pod
ends in either case.
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Sequence

import grpc
from greeter import arguments

from endpoint_push.v1 import push_pb2, push_pb2_grpc


def main(argv: Sequence[str] | None = None) -> int:
    """Ask every control plane; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if not args.address:
        parser.error("no --address, and no POD_IP")
    return asyncio.run(_ask_all(args))


async def _ask_all(args: argparse.Namespace) -> int:
    host, _, port = args.control_plane.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        return _failed(f"{args.control_plane}: {error}")
    # Each client follows one of the control planes: all of them have to agree.
    targets = sorted({_target(str(address[0]), port) for *_, address in found})
    answers = await asyncio.gather(*(_ask(target, args.address, args.deadline) for target in targets))
    troubles = [answer for answer in answers if answer is not None]
    return _failed("; ".join(troubles)) if troubles else 0


def _target(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _ask(target: str, address: str, deadline: float) -> str | None:
    """Wait for one control plane's word; returns what is wrong, or None."""
    async with grpc.aio.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = push_pb2_grpc.RemovalServiceStub(channel)
        try:
            await stub.AwaitRemoved(push_pb2.AwaitRemovedRequest(address=address), timeout=deadline)
        except grpc.aio.AioRpcError as error:
            return f"{target}: {error.code().name}: {' '.join((error.details() or '').split())}"
    return None


def _failed(reason: str) -> int:
    sys.stderr.write(f"endpoint_push.await_removed: {reason}\n")
    return 1


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="endpoint_push.await_removed", description="Wait until no client has this server in its list."
    )
    add = parser.add_argument
    add(
        "--control-plane",
        required=True,
        metavar="HOST:PORT",
        help="of all control planes: a headless Service",
    )
    add("--address", default=os.environ.get("POD_IP"), help="this server's IP, or IP:PORT (POD_IP)")
    add("--deadline", type=arguments.positive, default=10.0, help="seconds to wait (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
