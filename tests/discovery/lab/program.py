"""Small gRPC programs as their authors would write them: they know of no instrumentation.

Started by `lab.outcome`, bare or with the instrumentor on; what they print is compared.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import psutil

METHOD = "/lab.Echo/Call"
_PR_SET_CHILD_SUBREAPER = 36

Options = list[tuple[str, Any]]


def call(channel: Any) -> str:  # noqa: ANN401 - its stub makes generics of what is bytes here
    answer: bytes = channel.unary_unary(METHOD)(b"", timeout=60, wait_for_ready=True)
    return answer.decode()


def connections() -> int:
    return sum(one.status == "ESTABLISHED" for one in psutil.Process().net_connections("tcp"))


def settle() -> None:
    """Until no resolver asks any more: gRPC closes its sockets on threads of its own, after the answer."""
    this = psutil.Process()
    while any(one.raddr for one in this.net_connections("udp")):
        time.sleep(0.001)


def held(target: str, count: int, options: Options) -> dict[str, Any]:
    """What so many open channels cost."""
    channels = [grpc.insecure_channel(target, options) for _ in range(count)]
    answers = {call(channel) for channel in channels}
    settle()
    this = psutil.Process()
    return {
        "answers": sorted(answers),
        "connections": connections(),
        "descriptors": this.num_fds(),
        "children": len(this.children(recursive=True)),
    }


def pairs(target: str, listed: list[list[Options]]) -> list[int]:
    """For each pair of options: how many connections two channels with them have."""
    found = []
    for pair in listed:
        channels = [grpc.insecure_channel(target, options) for options in pair]
        for channel in channels:
            call(channel)
        found.append(connections())
        for channel in channels:
            channel.close()
        while connections():  # closing is not at once
            time.sleep(0.001)
    return found


def short(target: str, count: int, how: str) -> dict[str, Any]:
    """Channels for one RPC each; "dropped" ones are left to Python."""

    async def one() -> str:
        channel: Any = grpc.aio.insecure_channel(target)
        async with channel:
            answer: bytes = await channel.unary_unary(METHOD)(b"", timeout=60, wait_for_ready=True)
            return answer.decode()

    answers = []
    for _ in range(count):
        if how == "aio":
            answers.append(asyncio.run(one()))
        else:
            channel = grpc.insecure_channel(target)
            answers.append(call(channel))
            if how == "closed":
                channel.close()
            del channel
    return {"answers": answers}


def reap(target: str, how: str) -> dict[str, Any]:
    """Use a channel, start a child, and wait for children until there are none."""
    signals: list[int] = []
    if how == "handler":
        signal.signal(signal.SIGCHLD, lambda number, _: signals.append(number))
    if how == "subreaper":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    channel = grpc.insecure_channel(target)
    answer = call(channel)
    child = os.posix_spawn("/bin/true", ["true"], {})
    reaped = []
    while True:
        try:
            reaped.append(os.wait()[0] == child)
        except ChildProcessError:
            break
    again = call(channel)
    channel.close()
    return {"answers": [answer, again], "reaped": reaped, "signals": len(signals), "first": os.getpid() == 1}


def replaced(target: str) -> dict[str, Any]:
    """Use a channel, then become another program with the same process id."""
    channel = grpc.insecure_channel(target)
    sys.stdout.write(call(channel) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    os.execv("/bin/sh", ["sh", "-c", "echo go on; cat"])  # until stdin ends


def main() -> None:
    what, target, *rest = sys.argv[1:]
    programs: dict[str, Callable[..., Any]] = {
        "held": held,
        "pairs": pairs,
        "short": short,
        "reap": reap,
        "replaced": replaced,
    }
    sys.stdout.write(json.dumps(programs[what](target, *map(json.loads, rest))) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
