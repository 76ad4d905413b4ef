"""The study's side of the servers' control service, for every platform: from a fault to its RPCs.

What is the platform's own: which servers, and by which address their control service is reached.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from zlib import crc32

import grpc
from google.protobuf.message import Message
from greeter.v1 import control_pb2, control_pb2_grpc

from lbstudy.platform.interface import Fault, PlatformError

WITHIN = 10.0
"""Seconds for each RPC."""
_MIB = 1 << 20

Options: TypeAlias = Mapping[str, float | int | str]


def request_of(fault: Fault, pod: str, seed: int) -> control_pb2.InjectFaultRequest:
    """The request that begins a fault on a pod. Raises KeyError for a kind that is none of ``KINDS``.

    Args:
        fault: what is wanted.
        pod: its name: each pod draws by itself.
        seed: of the run.
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
        PlatformError: it is not there, or does not do it.
    """
    request = request_of(fault, pod, seed)
    async with _channel(address) as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)
        try:
            await stub.InjectFault(request, timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise PlatformError(f"{pod}: {fault.label}: {_said(error)}") from error


async def lift(address: str, fault: Fault, pod: str) -> None:
    """End it. Raises PlatformError when the pod cannot be asked."""
    async with _channel(address) as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)
        try:
            await stub.LiftFault(control_pb2.LiftFaultRequest(id=fault.label), timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise PlatformError(f"{pod}: {fault.label} cannot be lifted: {_said(error)}") from error


def _channel(address: str) -> grpc.aio.Channel:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
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
"""A fault's kind → the request's field, and what is put there."""
KINDS: Final = frozenset(_FAULTS)
"""The kinds of faults that servers make themselves, on request."""
