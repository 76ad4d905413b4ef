"""What becomes of an RPC under faults: the pure decisions."""

import statistics
from typing import Any

import grpc
import pytest
from greeter.server.load_report import Sample, measured
from greeter.server.trouble import NONE, BadFaultError, RpcFault, Trouble, decide
from greeter.v1 import control_pb2

Request = control_pb2.InjectFaultRequest


def fault(seed: int = 1, **kind: Any) -> RpcFault:  # noqa: ANN401  # the request's own fields
    found = RpcFault.of(Request(id="f", seed=seed, **kind))
    assert found is not None
    return found


def latency(seed: int = 1, **distribution: Any) -> RpcFault:  # noqa: ANN401  # the same
    return fault(seed, latency=control_pb2.Latency(**distribution))


def test_without_faults_nothing_happens() -> None:
    assert decide([]) is NONE == Trouble(delay=0.0, code=None, hangs=False)


def test_a_constant_is_added_to_each_rpc() -> None:
    found = latency(constant=0.25)
    assert [decide([found]).delay for _ in range(3)] == [0.25] * 3


def test_a_log_normal_has_the_mean_and_the_deviation_that_were_asked_for() -> None:
    found = latency(log_normal=control_pb2.LogNormal(mean=0.3, standard_deviation=0.1))
    drawn = [decide([found]).delay for _ in range(20_000)]
    # Standard errors of 20000 draws: 0.0007 of the mean, and 0.0007 or so of the deviation.
    assert statistics.fmean(drawn) == pytest.approx(0.3, abs=0.004)
    assert statistics.stdev(drawn) == pytest.approx(0.1, abs=0.006)
    assert statistics.median(drawn) < statistics.fmean(drawn)  # its tail is on the right


def test_a_uniform_stays_within_its_bounds() -> None:
    found = latency(uniform=control_pb2.Uniform(least=0.1, most=0.2))
    drawn = [decide([found]).delay for _ in range(1000)]
    assert 0.1 <= min(drawn) < 0.11
    assert 0.19 < max(drawn) <= 0.2


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_errors_strike_at_their_rate(rate: float) -> None:
    found = fault(error=control_pb2.Error(code=14, rate=rate))
    codes = [decide([found]).code for _ in range(10_000)]
    assert codes.count(grpc.StatusCode.UNAVAILABLE) == pytest.approx(10_000 * rate, abs=200)
    assert set(codes) <= {None, grpc.StatusCode.UNAVAILABLE}


def test_the_seed_decides_and_another_fault_does_not() -> None:
    alone, beside = fault(7, hang=control_pb2.Hang(rate=0.5)), fault(7, hang=control_pb2.Hang(rate=0.5))
    slow = latency(3, uniform=control_pb2.Uniform(least=0, most=1))
    first = [decide([alone]).hangs for _ in range(200)]
    assert first == [decide([slow, beside]).hangs for _ in range(200)]
    other = fault(8, hang=control_pb2.Hang(rate=0.5))
    assert first != [decide([other]).hangs for _ in range(200)]


def test_delays_add_up_and_the_first_that_strikes_decides_the_end() -> None:
    both = [latency(constant=0.1), latency(constant=0.2)]
    error, hang = fault(error=control_pb2.Error(code=13, rate=1)), fault(hang=control_pb2.Hang(rate=1))
    assert decide(both).delay == pytest.approx(0.3)
    assert decide([*both, error, hang]).code is grpc.StatusCode.INTERNAL
    assert not decide([error, hang]).hangs
    assert decide([hang, error]) == Trouble(hangs=True)


@pytest.mark.parametrize(
    "kind",
    [
        {"error": control_pb2.Error(code=0, rate=1)},
        {"error": control_pb2.Error(code=99, rate=1)},
        {"error": control_pb2.Error(code=14, rate=1.5)},
        {"hang": control_pb2.Hang(rate=-1)},
        {"latency": control_pb2.Latency(constant=-1)},
        {"latency": control_pb2.Latency(constant=float("inf"))},
        {"latency": control_pb2.Latency(uniform=control_pb2.Uniform(least=2, most=1))},
        {"latency": control_pb2.Latency(log_normal=control_pb2.LogNormal(mean=0, standard_deviation=1))},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(kind: dict[str, Any]) -> None:
    with pytest.raises(BadFaultError):
        fault(**kind)


def test_load_is_what_grew_over_the_time() -> None:
    # 0.8 s of CPU in 2 s on 4 cores: a tenth. 60 RPCs, 6 of which failed.
    report = measured(Sample(10, 1.0, 100, 2), Sample(12, 1.8, 160, 8), cores=4, memory_share=0.25)
    assert report is not None
    assert report.cpu_utilization == pytest.approx(0.1)
    assert (report.rps_fractional, report.eps, report.mem_utilization) == (30.0, 3.0, 0.25)


def test_a_server_that_was_asked_nothing_has_no_load_to_tell() -> None:
    assert measured(Sample(10, 1.0, 100, 2), Sample(12, 1.8, 100, 2), cores=4, memory_share=0.25) is None
