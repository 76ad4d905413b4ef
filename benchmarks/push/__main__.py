"""How soon a server that a control plane pushes gets its first RPC, and what is lost meanwhile.

    .venv/bin/python -m benchmarks.push [--changes 50] [--kills 5] [--rate 200]
    .venv/bin/python -m benchmarks.push --on kubernetes [--restarts 50] …

One client sends ``--rate`` RPC/s on one channel, open loop. Each change adds a server and removes it again.
On Kubernetes follow rolling restarts of the servers. Then the control planes are killed under load, and a
server is added meanwhile.

In a cluster (KUBECONFIG, a namespace of its own) the images lbstudy:dev and lbstudy-push:dev are used; time
zero is when this program's own watch got the EndpointSlice with the server. Here it is when the control plane
took the server in. Exit status 1: an RPC failed, a new server got none, or the 50 ms at p99 were missed.
"""

import argparse
import asyncio
import sys
from collections import Counter

from benchmarks.push.figures import delays, failures
from benchmarks.push.kubernetes import KubernetesLab
from benchmarks.push.load import First
from benchmarks.push.local import LocalLab

WORK = 0.02  # s that a server takes for an answer
AT_MOST_MS = 50.0


async def added(lab: LocalLab | KubernetesLab) -> tuple[int, First] | None:
    """A server comes and goes; when it was published, and its first RPC."""
    name, published = await lab.add()
    first = await lab.load.first(name)
    await lab.remove()
    return None if first is None else (published, first)


async def measure(lab: LocalLab | KubernetesLab, args: argparse.Namespace) -> bool:
    """Everything that is asked for, in one load; returns whether the targets are met."""
    changes = [await added(lab) for _ in range(args.changes)]
    seen = [change for change in changes if change is not None]
    fine = delays(
        "published to the sending of the first RPC",
        [(first.sent - at) / 1e9 for at, first in seen],
        args.changes,
        AT_MOST_MS,
    )
    delays("published to its answer", [(first.answered - at) / 1e9 for at, first in seen], args.changes)
    if isinstance(lab, KubernetesLab):
        for number in range(args.restarts):
            await lab.restart(number)
        print(f"{args.restarts} rolling restarts", flush=True)
    outages = []
    for _ in range(args.kills):
        await lab.kill_control_plane()
        outages.append(await added(lab))
    late = [(first.sent - at) / 1e9 for at, first in filter(None, outages)]
    delays("the same, the control plane killed before", late, args.kills)
    await lab.load.finish()
    print(f"latency from the scheduled instant, p99: {lab.load.p99 * 1e3:.1f} ms")
    for (code, details), count in Counter(lab.load.failed_as).items():
        print(f"  {count} failed: {code}: {details}")
    return failures("in all of it", lab.load.codes) and fine and len(late) == args.kills


async def main(args: argparse.Namespace) -> int:
    """Measure on the platform that is asked for."""
    if args.on == "local":
        async with LocalLab.running(args.rate, WORK) as lab:
            return 0 if await measure(lab, args) else 1
    async with KubernetesLab.running(args.rate, WORK, args) as cluster:
        return 0 if await measure(cluster, args) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="From a pushed server to its first RPC, and what is lost.")
    parser.add_argument("--on", choices=("local", "kubernetes"), default="local")
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=50, help="rolling restarts, on Kubernetes")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--rate", type=float, default=200.0, help="RPC/s")
    parser.add_argument("--namespace", default="push-bench", help="made, and deleted at the end")
    parser.add_argument("--server-image", default="lbstudy:dev")
    parser.add_argument("--push-image", default="lbstudy-push:dev")
    parser.add_argument("--drain-wait", type=float, default=1.0, help="s from SIGTERM to GOAWAY")
    parser.add_argument(
        "--pre-stop",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="SIGTERM only when no client has the server in its list",
    )
    sys.exit(asyncio.run(main(parser.parse_args())))
