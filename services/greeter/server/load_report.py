"""The load that the server reports in each answer's trailers, for weighted_round_robin (gRFC A51, A58)."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from greeter.v1 import control_pb2

TRAILER = "endpoint-load-metrics-bin"
"""The trailer in which a client's policy finds an xds.data.orca.v3.OrcaLoadReport."""
_EVERY = 1.0  # s


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's counts at an instant, all since its start."""

    at: float  # monotonic, s
    cpu: float  # s of user and system time
    rpcs: int  # ended, with any code
    failed: int  # of these, with an error


def measured(
    before: Sample, after: Sample, cores: float, memory_share: float
) -> control_pb2.LoadReport | None:
    """Return the load between two samples; None if there were no RPCs: then the server has no weight.

    CPU utilisation is CPU time ÷ (time × cores that the process may use).
    """
    elapsed = after.at - before.at
    if elapsed <= 0 or after.rpcs == before.rpcs:
        return None
    return control_pb2.LoadReport(
        cpu_utilization=(after.cpu - before.cpu) / elapsed / cores,
        mem_utilization=memory_share,
        rps_fractional=(after.rpcs - before.rpcs) / elapsed,
        eps=(after.failed - before.failed) / elapsed,
    )


class LoadReporter:
    """Measures each second, and holds the trailer that reports it.

    Attributes:
        trailer: the trailer of an answer now; empty while there is nothing to report.
    """

    def __init__(self, answered: Mapping[str, int]) -> None:
        self._answered = answered  # by status code, updated as RPCs end
        self._process = psutil.Process()
        self._forced: control_pb2.LoadReport | None = None
        self.trailer: tuple[tuple[str, bytes], ...] = ()

    async def run(self) -> None:
        """Measure until cancelled."""
        cores = len(os.sched_getaffinity(0))
        before = self._sample()
        while True:
            await asyncio.sleep(_EVERY)
            after = self._sample()
            self._tell(self._forced or measured(before, after, cores, self._process.memory_percent() / 100))
            before = after

    def force(self, report: control_pb2.LoadReport | None) -> None:
        """Report this load instead of the measured one from now on; None: report the measured load again."""
        self._forced = report
        self._tell(report)

    def _tell(self, report: control_pb2.LoadReport | None) -> None:
        self.trailer = () if report is None else ((TRAILER, report.SerializeToString()),)

    def _sample(self) -> Sample:
        times = self._process.cpu_times()
        rpcs = sum(self._answered.values())
        return Sample(time.monotonic(), times.user + times.system, rpcs, rpcs - self._answered.get("OK", 0))
