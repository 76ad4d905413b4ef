"""What `lbstudy watch` costs as a program whose receiver gets spans, at a rate, and in a flood.

    .venv/bin/python -m benchmarks.watch_flood [--minutes 10] [--flood 300000] [--spans 1000] [--pods 500]

An API server on loopback holds the pods, and a tenth of them is replaced each minute. OTLP requests of 100
spans come to --otlp-listen: at the rate for the minutes; then a flood of requests that were made before, from
16 exporters that never wait; then at the rate for a minute more. Prints the watch's share of a core and its
memory each five seconds, as the kernel has them, and at the end what the watch says of itself beside what was
answered.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import psutil

from benchmarks.watch import Load
from tests.watch.api import LBSTUDY, Api, kubeconfig_of

_BATCH = 100
_EXPORTERS = 16
_MIB = 1 << 20


class Flood:
    """Sends, and counts what was answered."""

    def __init__(self, address: str, load: Load) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(_EXPORTERS)]
        self._exports: list[Callable[..., Awaitable[bytes]]] = [
            channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            for channel in self._channels
        ]
        self._load = load
        self.taken = self.refused = 0

    async def one(self, exporter: int, body: bytes) -> None:
        """One request of so many spans as a batch has."""
        try:
            await self._exports[exporter](body, timeout=10)
            self.taken += _BATCH
        except grpc.aio.AioRpcError:
            self.refused += _BATCH

    async def at_rate(self, spans: int, until: float) -> None:
        """So many spans a second, evenly."""
        number, begun = 0, time.monotonic()
        while time.monotonic() < until:
            await self.one(number % _EXPORTERS, self._load.second(_BATCH, time.time()))
            number += 1
            await asyncio.sleep(max(0.0, begun + number * _BATCH / spans - time.monotonic()))

    async def flood(self, bodies: list[bytes]) -> None:
        """As fast as they are answered, from all exporters."""

        async def exporter(number: int) -> None:
            while bodies:
                await self.one(number, bodies.pop())

        await asyncio.gather(*(exporter(number) for number in range(_EXPORTERS)))

    async def aclose(self) -> None:
        """Close all channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels))


class Meter:
    """The watch's CPU time and memory."""

    def __init__(self, pid: int, flood: Flood) -> None:
        self._process = psutil.Process(pid)
        self._flood = flood
        self.begun = time.monotonic()
        self.peak = 0.0

    async def run(self) -> None:
        """Print until cancelled."""
        at, used, taken = time.monotonic(), self._used(), self._flood.taken
        while True:
            await asyncio.sleep(5)
            now, cpu = time.monotonic(), self._used()
            rss = self._process.memory_info().rss / _MIB
            self.peak = max(self.peak, rss)
            rate = (self._flood.taken - taken) / (now - at)
            print(
                f"{now - self.begun:5.0f} s: {rate:7.0f} spans/s, {100 * (cpu - used) / (now - at):5.1f} %"
                f" of a core, {rss:6.1f} MiB; {self._flood.refused} spans refused",
                flush=True,
            )
            at, used, taken = now, cpu, self._flood.taken

    def _used(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


async def main() -> None:
    """One watch, three stretches."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--flood", type=int, default=300_000, help="spans")
    parser.add_argument("--spans", type=int, default=1000, help="a second")
    parser.add_argument("--pods", type=int, default=500)
    args = parser.parse_args()
    load = Load(args.pods, 100)
    api = Api()
    with tempfile.TemporaryDirectory() as name:
        async with api.serve():
            for number, pod in enumerate(load.pods):
                api.pod(pod, _ip(number), time.time() - 3600)
            out = Path(name) / "watched"
            process = await asyncio.create_subprocess_exec(
                LBSTUDY,
                *("watch", "orders", "--otlp-listen", "127.0.0.1:0", "--out", str(out), "--plain"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=os.environ | {"KUBECONFIG": str(kubeconfig_of(api, Path(name)))},
            )
            try:
                await _measure(args, api, load, process)
                process.send_signal(2)
                await process.wait()
                _told(out / "watch.json")
            finally:
                if process.returncode is None:
                    process.kill()


async def _measure(
    args: argparse.Namespace, api: Api, load: Load, process: asyncio.subprocess.Process
) -> None:
    assert process.stdout is not None
    said: list[str] = []
    while "none came yet to" not in (line := (await process.stdout.readline()).decode()):
        assert line, said
        said.append(line)
    flood = Flood(line.rpartition(" to ")[2].strip(), load)
    meter = Meter(process.pid, flood)
    beside = [asyncio.create_task(each) for each in (meter.run(), _replace(api, load, args.pods))]
    beside.append(asyncio.create_task(_tell_sources(process.stdout)))
    try:
        await flood.at_rate(args.spans, time.monotonic() + 60 * args.minutes)
        bodies = []
        for _ in range(args.flood // _BATCH):
            bodies.append(load.second(_BATCH, time.time()))
            await asyncio.sleep(0)
        begun, taken = time.monotonic(), flood.taken
        print(f"{begun - meter.begun:5.0f} s: the flood begins", flush=True)
        await flood.flood(bodies)
        took = time.monotonic() - begun
        print(f"the flood is over; {(flood.taken - taken) / took:.0f} spans/s were taken for {took:.0f} s")
        await flood.at_rate(args.spans, time.monotonic() + 60)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await flood.aclose()
    print(f"{flood.taken} spans taken, {flood.refused} refused; at most {meter.peak:.0f} MiB of the watch")


async def _replace(api: Api, load: Load, pods: int) -> None:
    """A tenth of the pods a minute."""
    number = pods
    while True:
        await asyncio.sleep(6)
        for _ in range(max(1, pods // 100)):
            gone = load.pods.pop(0)
            api.gone(gone)
            load.pods.append(load.new())
            api.pod(load.pods[-1], _ip(number), time.time())
            number += 1


async def _tell_sources(stdout: asyncio.StreamReader) -> None:
    with contextlib.suppress(ValueError):  # a line longer than the reader's limit
        while line := (await stdout.readline()).decode():
            if " spans: " in line:
                print(f"the watch: {line.strip()}", flush=True)


def _ip(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _told(out: Path) -> None:
    found = json.loads(out.read_text())
    (service,) = found["services"]
    requests = sum(pod["requests"].get("server spans", 0) for pod in service["pods"])
    spans = next(one for one in found["sources"] if one["name"] == "spans")
    print(
        f"the watch ends with {spans}; {requests} requests of {len(service['pods'])} pods, by servers' spans"
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
