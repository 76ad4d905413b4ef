"""The pods' programs, their ports and their arguments, whatever the platform. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from lbstudy.platform.interface import ClientSpec, ServerSpec

PORT = 50051
"""The port of every server pod."""
CONTROL_PORT = 50052
"""The port of a server pod's control service, where it has one."""
SERVER_MODULE = "greeter.server"
CLIENT_MODULE = "greeter.client"


@dataclass(frozen=True, slots=True)
class StartTrouble:
    """How a server's start goes wrong."""

    crashes: bool = False
    delay: float = 0.0  # s before it listens


NO_TROUBLE = StartTrouble()


def server_args(
    spec: ServerSpec, address: str, control: str, trouble: StartTrouble = NO_TROUBLE
) -> list[str]:
    """The arguments of a server pod that serves on an address, and has its control service on another."""
    return [
        *("--address", f"{address}:{PORT}"),
        *(["--control-address", f"{control}:{CONTROL_PORT}"] if spec.control else []),
        *(["--report-load"] if spec.report_load else []),
        *(["--start-delay", repr(trouble.delay)] if trouble.delay else []),
        *(["--start-crash"] if trouble.crashes else []),
        *("--work", repr(spec.work)),
        *("--drain-wait", repr(spec.drain_wait), "--drain-grace", repr(spec.drain_grace)),
        *_channel_args(spec.channel_args),
    ]


def client_args(spec: ClientSpec, target: str) -> list[str]:
    """The arguments of a client pod that calls a target."""
    return [
        *("--target", target, "--clients", str(spec.clients), "--rate", repr(spec.rate)),
        *("--timeout", repr(spec.timeout), "--start-at", repr(spec.start_at)),
        *("--duration", repr(spec.duration), f"--seed={spec.seed}"),
        *([] if spec.service_config is None else ["--service-config", spec.service_config]),
        *_channel_args(spec.channel_args),
    ]


def _channel_args(args: Mapping[str, int | str | bool]) -> list[str]:
    # gRPC has no booleans: they are integers.
    return [
        f"--channel-arg={key}={int(value) if isinstance(value, bool) else value}"
        for key, value in args.items()
    ]
