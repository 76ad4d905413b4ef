"""Decides what happens to an RPC while faults are active. No I/O: the caller applies the decision."""

import math
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import grpc

from greeter.v1 import control_pb2

STATUS_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to one RPC: it waits for the delay, then hangs, fails or is answered."""

    delay: float = 0.0  # s
    code: grpc.StatusCode | None = None  # None: it is answered
    hangs: bool = False


NONE = Trouble()


class BadFaultError(ValueError):
    """The fault makes no sense. The message is one line."""


@dataclass(frozen=True, slots=True)
class RpcFault:
    """A fault that affects RPCs: latency, errors, or RPCs that hang."""

    chance: random.Random  # its own generator: what it does to the n-th RPC does not depend on other faults
    latency: Callable[[random.Random], float] | None = None  # draws seconds
    code: grpc.StatusCode | None = None
    hangs: bool = False
    rate: float = 1.0

    @classmethod
    def of(cls, request: control_pb2.InjectFaultRequest) -> Self | None:
        """Return the fault of a request; None if it does not affect RPCs. Raises BadFaultError."""
        chance = random.Random(request.seed)
        match request.WhichOneof("fault"):
            case "latency":
                return cls(chance, latency=_latency(request.latency))
            case "error":
                code = STATUS_CODES.get(request.error.code)
                if code is None or code is grpc.StatusCode.OK:
                    raise BadFaultError(f"code {request.error.code}: expected a gRPC status other than OK")
                return cls(chance, code=code, rate=_rate(request.error.rate))
            case "hang":
                return cls(chance, hangs=True, rate=_rate(request.hang.rate))
        return None


def decide(faults: Collection[RpcFault]) -> Trouble:
    """Return what happens to the next RPC: delays add up, and the first fault that hits decides its end.

    Args:
        faults: the active ones, in the order in which they began. Each draws once.
    """
    if not faults:
        return NONE
    delay, code, hangs = 0.0, None, False
    for fault in faults:
        if fault.latency is not None:
            delay += fault.latency(fault.chance)
        elif fault.chance.random() < fault.rate and code is None and not hangs:
            code, hangs = fault.code, fault.hangs
    return Trouble(delay, code, hangs)


def log_normal(mean: float, standard_deviation: float) -> tuple[float, float]:
    """Return μ and σ of the logarithm of a log-normal value with this mean and standard deviation (both > 0).

    σ² = ln(1 + sd²/mean²), μ = ln(mean) − σ²/2.
    """
    variance = math.log1p((standard_deviation / mean) ** 2)
    return math.log(mean) - variance / 2, math.sqrt(variance)


def _latency(latency: control_pb2.Latency) -> Callable[[random.Random], float]:
    match latency.WhichOneof("added"):
        case "log_normal":
            mean, deviation = latency.log_normal.mean, latency.log_normal.standard_deviation
            if not (mean > 0 and deviation > 0 and math.isfinite(mean + deviation)):
                raise BadFaultError("latency: expected a mean and a standard deviation above 0")
            mu, sigma = log_normal(mean, deviation)
            return lambda chance: chance.lognormvariate(mu, sigma)
        case "uniform":
            least, most = latency.uniform.least, latency.uniform.most
            if not (0 <= least <= most and math.isfinite(most)):
                raise BadFaultError("latency: expected bounds from 0 on, in order")
            return lambda chance: chance.uniform(least, most)
        case _:
            constant = latency.constant
            if not (constant >= 0 and math.isfinite(constant)):
                raise BadFaultError("latency: expected seconds from 0 on")
            return lambda _: constant


def _rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise BadFaultError(f"rate {rate:g}: expected a share from 0 to 1")
    return rate
