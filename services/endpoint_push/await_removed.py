"""``python -m endpoint_push.await_removed``: waits until no client has this server in its list.

It is made for a preStop hook: Kubernetes removes a terminating pod from its EndpointSlice, runs the hook, and
then sends SIGTERM. The exit status is 0 if every control plane has confirmed the removal, else 1; the pod
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
        parser.error("give --address, or set POD_IP")
    return asyncio.run(_ask_all(args))


async def _ask_all(args: argparse.Namespace) -> int:
    host, _, port = args.control_plane.rpartition(":")
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        return _failed(f"{args.control_plane}: {error}")
    # Each client follows one of the control planes, so all of them have to confirm.
    targets = sorted({_target(str(address[0]), port) for *_, address in addresses})
    # A certificate names the Service, and not the addresses behind it.
    secure = None if args.tls_ca is None else (grpc.ssl_channel_credentials(args.tls_ca), host)
    answers = await asyncio.gather(*(_ask(target, args.address, args.deadline, secure) for target in targets))
    troubles = [answer for answer in answers if answer is not None]
    return _failed("; ".join(troubles)) if troubles else 0


def _target(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _channel(target: str, secure: tuple[grpc.ChannelCredentials, str] | None) -> grpc.aio.Channel:
    options: list[tuple[str, int | str]] = [("grpc.enable_http_proxy", 0)]
    if secure is None:
        return grpc.aio.insecure_channel(target, options=options)
    credentials, name = secure
    return grpc.aio.secure_channel(
        target, credentials, options=[*options, ("grpc.ssl_target_name_override", name)]
    )


async def _ask(
    target: str, address: str, deadline: float, secure: tuple[grpc.ChannelCredentials, str] | None
) -> str | None:
    """Wait until one control plane confirms; returns what is wrong, or None."""
    async with _channel(target, secure) as channel:
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
        help="HOST:PORT of the control planes, such as a headless Service",
    )
    add(
        "--tls-ca",
        type=arguments.content,
        metavar="FILE",
        help="the authority of the control planes' certificates, which name HOST (plain text)",
    )
    add("--address", default=os.environ.get("POD_IP"), help="this server's IP, or IP:PORT (default: POD_IP)")
    add("--deadline", type=arguments.positive, default=10.0, help="seconds to wait (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
