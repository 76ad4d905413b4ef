"""Calls the servers' control service, on every platform: turns a fault into RPCs.

Each platform knows which servers to call, and at which address.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from zlib import crc32

import grpc
from google.protobuf.message import Message
from greeter.v1 import control_pb2, control_pb2_grpc

from lbstudy.direct import NO_PROXY
from lbstudy.platform.interface import Fault, PlatformError

WITHIN = 10.0
"""Seconds for each RPC."""
_MIB = 1 << 20

Options: TypeAlias = Mapping[str, float | int | str]


def request_of(fault: Fault, pod: str, seed: int) -> control_pb2.InjectFaultRequest:
    """Return the request that begins a fault on a pod. Raises KeyError if servers do not make this kind.

    Args:
        fault: the fault.
        pod: the pod's name: each pod draws its own random numbers.
        seed: the run's seed.
    """
    request = control_pb2.InjectFaultRequest(
        id=fault.label, seed=crc32(f"{seed}/{fault.label}/{pod}".encode())
    )
    field, make = _FAULTS[fault.kind]
    getattr(request, field).CopyFrom(make(fault.options))
    return request


async def inject(address: str, fault: Fault, pod: str, seed: int) -> None:
    """Begin a fault on the pod whose control service is at ``address``, "127.0.0.1:50052".

    Raises:
        PlatformError: the pod does not answer, or refuses the fault.
    """
    request = request_of(fault, pod, seed)
    async with _channel(address) as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)
        try:
            await stub.InjectFault(request, timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise PlatformError(f"{pod}: {fault.label}: {_said(error)}") from error


async def lift(address: str, fault: Fault, pod: str) -> None:
    """End a fault. Raises PlatformError if the pod does not answer."""
    async with _channel(address) as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)
        try:
            await stub.LiftFault(control_pb2.LiftFaultRequest(id=fault.label), timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise PlatformError(f"{pod}: {fault.label} cannot be lifted: {_said(error)}") from error


@dataclass(frozen=True, slots=True)
class ServerBusy:
    """A server's counts of its own work, all since its start."""

    uptime: float  # s, by its monotonic clock
    busy: float  # s of work, summed over RPCs that were handled at the same time
    concurrency: int  # RPCs that it handles at a time; 0: no limit
    waiting: int  # RPCs that wait now
    ended: int  # RPCs that have ended, with any code


class Meter:
    """Asks one pod's control service how busy the server is, over one connection.

    Args:
        address: the control service's address, "127.0.0.1:50052".
    """

    def __init__(self, address: str) -> None:
        self._open = _channel(address)
        self._stub = control_pb2_grpc.ControlServiceStub(self._open)

    async def read(self, within: float) -> ServerBusy | None:
        """Return the server's answer; None if it does not answer within so many seconds."""
        try:
            said = await self._stub.GetBusy(control_pb2.GetBusyRequest(), timeout=within)
        except grpc.aio.AioRpcError:
            return None
        return ServerBusy(said.uptime, said.busy, said.concurrency, said.waiting, said.ended)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._open.close()


def _channel(address: str) -> grpc.aio.Channel:
    options = [("grpc.use_local_subchannel_pool", 1), NO_PROXY]
    return grpc.aio.insecure_channel(address, options=options)


def _said(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {' '.join((error.details() or '').split())}"


def _latency(options: Options) -> control_pb2.Latency:
    if "mean" in options:
        mean, deviation = _number(options, "mean"), _number(options, "sd")
        return control_pb2.Latency(log_normal=control_pb2.LogNormal(mean=mean, standard_deviation=deviation))
    if "least" in options:
        least, most = _number(options, "least"), _number(options, "most")
        return control_pb2.Latency(uniform=control_pb2.Uniform(least=least, most=most))
    return control_pb2.Latency(constant=_number(options, "seconds"))


def _error(options: Options) -> control_pb2.Error:
    code: int = grpc.StatusCode[str(options["code"])].value[0]
    return control_pb2.Error(code=code, rate=_number(options, "rate"))


def _load_report(options: Options) -> control_pb2.LoadReport:
    return control_pb2.LoadReport(
        cpu_utilization=_number(options, "cpu"), rps_fractional=_number(options, "rps")
    )


def _number(options: Options, name: str) -> float:
    return float(options[name])


_FAULTS: Final[Mapping[str, tuple[str, Callable[[Options], Message]]]] = {
    "latency": ("latency", _latency),
    "error": ("error", _error),
    "hang": ("hang", lambda options: control_pb2.Hang(rate=_number(options, "rate"))),
    "cpu": ("cpu", lambda options: control_pb2.Cpu(cores=_number(options, "cores"))),
    "memory": ("memory", lambda options: control_pb2.Memory(size=int(options["mebibytes"]) * _MIB)),
    "load-report": ("load_report", _load_report),
    "not-ready": ("not_ready", lambda _: control_pb2.NotReady()),
    "flap": ("flap", lambda options: control_pb2.Flap(period=_number(options, "period"))),
    "reset": ("reset", lambda options: control_pb2.Reset(period=float(options.get("period", 0.0)))),
    "blackhole": ("blackhole", lambda _: control_pb2.Blackhole()),
}
"""A fault's kind → the field of the request, and the function that makes its content."""
