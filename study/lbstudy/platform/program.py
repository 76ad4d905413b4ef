"""The programs under study, as a platform gets them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lbstudy.config.command import Command


class Look(StrEnum):
    """The sign by which a pod counts as Ready."""

    GRPC = "grpc"  # the standard health service says SERVING
    TCP = "tcp"  # it accepts a connection
    HTTP = "http"  # a path answers with a status from 200 to 399
    NONE = "none"  # it has listened once


@dataclass(frozen=True, slots=True)
class Readiness:
    """When a pod of servers is Ready."""

    look: Look = Look.TCP
    service: str = ""  # the health service's name for it
    path: str = "/"
    port: int | None = None  # None: the servers' own port
    within: float = 120.0  # s for the first servers of a run


@dataclass(frozen=True, slots=True)
class Program:
    """A command, and variables; both may have placeholders."""

    command: Command
    env: Mapping[str, str] = field(default_factory=dict)
    instrument: bool = False  # whether to use opentelemetry-instrument if the pod has an OTEL_* variable
    folder: str = "."  # the value of {folder}


@dataclass(frozen=True, slots=True)
class ServerProgram(Program):
    """The program of a server pod."""

    port: int = 50051
    preload: str = ""  # a Python module; if set, pods are forks
    readiness: Readiness = Readiness()
    signal: str = "SIGTERM"  # the signal that tells it to end
    patience: float | None = None  # s from that signal to SIGKILL; None: its drain decides


@dataclass(frozen=True, slots=True)
class ClientProgram(Program):
    """The program of a client pod."""

    # whether it uses the DNS server of /etc/resolv.conf, whatever its target says
    system_resolver: bool = False
