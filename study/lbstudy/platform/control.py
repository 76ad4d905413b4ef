"""The study's side of the servers' control service, for every platform: from a fault to the RPCs that make it.

What is the platform's own: which servers, and by which address their control service is reached.
"""

from collections.abc import Mapping
from zlib import crc32

import grpc
from greeter.v1 import control_pb2, control_pb2_grpc

from lbstudy.platform.interface import Fault, PlatformError

WITHIN = 10.0
"""Seconds for each RPC."""
_MIB = 1 << 20

KINDS = frozenset(
    {
        "latency",
        "error",
        "hang",
        "cpu",
        "memory",
        "load-report",
        "not-ready",
        "flap",
        "reset",
        "blackhole",
    }
)
"""The kinds of faults that servers make themselves, on request."""


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
    options = fault.options
    match fault.kind:
        case "latency":
            request.latency.CopyFrom(_latency(options))
        case "error":
            code = grpc.StatusCode[str(options["code"])].value[0]
            request.error.CopyFrom(control_pb2.Error(code=code, rate=_number(options, "rate", 1.0)))
        case "hang":
            request.hang.rate = _number(options, "rate", 1.0)
        case "cpu":
            request.cpu.cores = _number(options, "cores")
        case "memory":
            request.memory.size = round(_number(options, "mebibytes")) * _MIB
        case "load-report":
            request.load_report.CopyFrom(
                control_pb2.LoadReport(
                    cpu_utilization=_number(options, "cpu"), rps_fractional=_number(options, "rps", 100.0)
                )
            )
        case "not-ready":
            request.not_ready.SetInParent()
        case "flap":
            request.flap.period = _number(options, "period")
        case "reset":
            request.reset.CopyFrom(control_pb2.Reset(period=_number(options, "period", 0.0)))
        case "blackhole":
            request.blackhole.SetInParent()
        case _:
            raise KeyError(fault.kind)
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


def _latency(options: Mapping[str, float | int | str]) -> control_pb2.Latency:
    if "mean" in options:
        return control_pb2.Latency(
            log_normal=control_pb2.LogNormal(
                mean=_number(options, "mean"), standard_deviation=_number(options, "sd")
            )
        )
    if "least" in options:
        return control_pb2.Latency(
            uniform=control_pb2.Uniform(least=_number(options, "least"), most=_number(options, "most"))
        )
    return control_pb2.Latency(constant=_number(options, "seconds"))


def _number(options: Mapping[str, float | int | str], name: str, otherwise: float | None = None) -> float:
    if otherwise is not None:
        return float(options.get(name, otherwise))
    return float(options[name])
