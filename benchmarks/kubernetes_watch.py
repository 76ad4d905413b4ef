"""What watching a cluster costs: pods and EndpointSlices of a fake API on loopback.

    .venv/bin/python benchmarks/kubernetes_watch.py [--pods 500] [--seconds 30] [--changes 50]

An API server in a process of its own tells of that many pods, each with the size of a real one (some 5 kB of
JSON), and goes on with so many changes a second: pods whose status changes, and the EndpointSlices (100
endpoints each, as Kubernetes makes them) that follow. Printed are the cores that the watching process takes,
idle and during the changes, and how late it is: from the API's write to the change that is told, by one
clock.

The targets: 10 % of a core for 500 pods, and 50 ms.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

import httpx2
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.kubernetes.pods import Pods, Receipt
from lbstudy.platform.kubernetes.watch import Watch, WatchReport
from lightkube import AsyncClient, KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User

SERVICE = "greeter-stock"
SLICE = 100  # endpoints
FILLING = 4_500  # bytes that bring a pod to the size of a real one


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--changes", type=float, default=50, help="a second")
    args = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    api = multiprocessing.get_context("spawn").Process(target=serve, args=(args, theirs), daemon=True)
    api.start()
    address = ours.recv()
    asyncio.run(measure(args, address, ours))
    api.terminate()


async def measure(args: argparse.Namespace, address: str, api: Connection) -> None:
    """Watch for a while with nothing to tell, then with changes."""
    state = Pods(lambda _: True)
    late: list[float] = []
    told = 0

    def take(seen: WatchReport[wire.Pod] | WatchReport[wire.EndpointSlice]) -> None:
        nonlocal told
        receipt = Receipt(time.time_ns(), 0.0)
        if seen.changed and isinstance(seen.changed[0], wire.EndpointSlice):
            changes = state.see_slices(seen.changed, (), receipt, complete=seen.complete)
        else:
            changes = state.see_pods(seen.changed, (), receipt, complete=seen.complete)  # type: ignore[arg-type]
        told += len(changes)
        if not seen.complete:
            written = int(seen.changed[0].metadata.labels["written"])
            late.append((time.time_ns() - written) / 1e6)

    async with cluster_of(address) as cluster:
        watches = [
            asyncio.create_task(Watch(cluster, ("api/v1", "pods"), wire.Pod, "x", take).run()),
            asyncio.create_task(
                Watch(
                    cluster, ("apis/discovery.k8s.io/v1", "endpointslices"), wire.EndpointSlice, "x", take
                ).run()
            ),
        ]
        await asyncio.sleep(3)
        print(f"{args.pods} pods; {told} changes told by the first lists")
        for name, rate in (("idle", 0.0), (f"{args.changes:g} changes/s", args.changes)):
            api.send(rate)
            cpu, begun, before = time.process_time(), time.monotonic(), len(late)
            await asyncio.sleep(args.seconds)
            cores = (time.process_time() - cpu) / (time.monotonic() - begun)
            seen = sorted(late[before:])
            print(f"{name:>16}: {cores:6.1%} of a core, {len(seen) / args.seconds:6.1f} events/s", end="")
            if seen:
                print(f", late by {seen[len(seen) // 2]:.2f} ms (median), {seen[-1]:.2f} ms (most)", end="")
            print()
        for watch in watches:
            watch.cancel()


@asynccontextmanager
async def cluster_of(address: str) -> AsyncIterator[Cluster]:
    """The clients of the fake API."""
    config = KubeConfig.from_one(cluster=Server(server=address), user=User(token="x")).get()  # noqa: S106 - a fake API's
    assert config is not None
    http = httpx2.AsyncClient(base_url=address)
    made = Cluster(address, "fake", "lab", AsyncClient(config, namespace="lab"), http)
    try:
        yield made
    finally:
        await made.aclose()


# --- the API, in its own process --------------------------------------------------------------------


def serve(args: argparse.Namespace, control: Connection) -> None:
    """Tell of pods and slices until terminated."""
    asyncio.run(_serve(args, control))


async def _serve(args: argparse.Namespace, control: Connection) -> None:
    watchers: dict[str, asyncio.StreamWriter] = {}

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = urlsplit(head.split(b" ", 2)[1].decode())
            plural = target.path.rpartition("/")[2]
            if "watch" in parse_qs(target.query):
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                watchers[plural] = writer
                return
            make = pod if plural == "pods" else endpoint_slice
            count = args.pods if plural == "pods" else -(-args.pods // SLICE)
            items = [make(number, args.pods, ready=True) for number in range(count)]
            body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    control.send(f"http://{host}:{port}")
    rate, number = 0.0, 0
    due = time.monotonic()
    while True:
        if control.poll():
            rate, due = control.recv(), time.monotonic()
        if not rate:
            await asyncio.sleep(0.05)
            continue
        number += 1
        is_ready = (number // args.pods) % 2 == 1
        if number % 2:
            _tell(watchers["pods"], pod(number % args.pods, args.pods, ready=is_ready))
        else:
            one = number % args.pods // SLICE
            _tell(watchers["endpointslices"], endpoint_slice(one, args.pods, ready=is_ready))
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _tell(writer: asyncio.StreamWriter, made: dict[str, object]) -> None:
    line = json.dumps({"type": "MODIFIED", "object": made}).encode() + b"\n"
    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


def pod(number: int, _: int, *, ready: bool) -> dict[str, object]:
    """A pod of the size of a real one."""
    return {
        "metadata": _metadata(f"{SERVICE}-{number}", {WORKLOAD: SERVICE}),
        "spec": {"nodeName": "node-1", "containers": [{"name": "server", "filling": "x" * FILLING}]},
        "status": {
            "phase": "Running",
            "podIP": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [
                {"name": "server", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
            ],
        },
    }


def endpoint_slice(number: int, pods: int, *, ready: bool) -> dict[str, object]:
    """A slice of so many endpoints; one of them changes."""
    first = number * SLICE
    return {
        "metadata": _metadata(f"slice-{number}", {"kubernetes.io/service-name": SERVICE}),
        "endpoints": [
            {
                "addresses": [f"10.{one >> 16}.{one >> 8 & 255}.{one & 255}"],
                "conditions": {"ready": ready or one != first, "serving": True, "terminating": False},
                "nodeName": "node-1",
                "targetRef": {
                    "kind": "Pod",
                    "name": f"{SERVICE}-{one}",
                    "namespace": "lab",
                    "uid": f"uid-{one}",
                },
            }
            for one in range(first, min(pods, first + SLICE))
        ],
    }


def _metadata(name: str, labels: dict[str, str]) -> dict[str, object]:
    written = {"written": str(time.time_ns())}
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": "2", "labels": labels | written}


if __name__ == "__main__":
    main()
