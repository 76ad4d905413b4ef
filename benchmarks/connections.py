"""Prints what it costs to watch the clients' connections in the kernel's table, as the local platform does.

    .venv/bin/python benchmarks/connections.py [--seconds 5] [--connections 18 200]

So many connections are held open, and the watch runs for so long beside them. The share of a core is that of
the watch's thread alone; it is bounded by ``connections.SHARE``, for which the looks become rarer.
"""

import argparse
import asyncio
import os
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from lbstudy.platform.local.connections import ConnectionWatch

MOST = 0.03


def main() -> int:
    """Watch for each number of connections."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[18, 200])
    args = parser.parse_args()
    worst = 0.0
    for number in args.connections:
        looks, share = measure(number, args.seconds)
        worst = max(worst, share)
        print(
            f"{number} connections: {share:.2%} of a core, a look each {args.seconds / looks * 1000:.0f} ms"
        )
    print("✓" if worst <= MOST else "✗", f"at most {MOST:.0%} of a core")
    return int(worst > MOST)


def measure(number: int, seconds: float) -> tuple[int, float]:
    """How many looks there were, and the share of a core that they took."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=number))
        where = server.getsockname()
        for _ in range(number):
            stack.enter_context(socket.create_connection(where))
            stack.enter_context(server.accept()[0])
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        looks = 0

        def clients() -> dict[str, int]:
            nonlocal looks
            looks += 1
            return {"client": os.getpid()}

        watch = ConnectionWatch(Path(folder) / "log", clients, lambda: {f"{where[0]}:{where[1]}"})
        before = time.thread_time()
        with suppress(TimeoutError):
            asyncio.run(_for(watch, seconds))
        return looks, (time.thread_time() - before) / seconds


async def _for(watch: ConnectionWatch, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await watch.run()


if __name__ == "__main__":
    raise SystemExit(main())
