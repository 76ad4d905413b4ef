"""A client program: opens channels through a DiscoveryWatch, and tells on stdout what the watch told.

JSON lines in: {"open": target, "options": […]}, {"call": channel, "times": n}, {"close": channel},
{"tap": 1}, {"fork": 1}, {"quit": 1}; out: {"update": …}, {"subchannel": …}, {"warning": …}, and an answer
to each command.
"""

import dataclasses
import json
import logging
import os
import sys
import threading
import time
from typing import Any

from grpc_lb_instrumentor.discovery import DiscoveryWatch, ports
from grpc_lb_instrumentor.discovery.channelz import watcher

_lock = threading.Lock()


def tell(**message: Any) -> None:  # noqa: ANN401 - JSON
    with _lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Warn(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            tell(warning=record.getMessage())
        else:
            tell(debug=f"{record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


if "--executable" in sys.argv:
    sys.executable = sys.argv[sys.argv.index("--executable") + 1]  # what the tap is started with
if "--seldom" in sys.argv:  # channelz is not looked at but where something asks for it
    for interval in ("LIST_INTERVAL", "MOVING_INTERVAL", "SWEEP_INTERVAL", "_YOUNG_INTERVAL"):
        setattr(watcher, interval, 600.0)
if "--own-ports" in sys.argv:  # as where the kernel is another one; two of them
    ports._bind_shared = lambda: None
    ports.MOST_OF_THEIR_OWN = 2
logging.getLogger("grpc_lb_instrumentor").addHandler(Warn())
logging.getLogger("grpc_lb_instrumentor").setLevel(logging.DEBUG)  # what went wrong and is nobody's concern
_end = DiscoveryWatch._ended


def _tell_end(watching: DiscoveryWatch, channel: int) -> None:
    _end(watching, channel)
    tell(ended=channel)


DiscoveryWatch._ended = _tell_end  # type: ignore[method-assign, assignment]
watch = DiscoveryWatch(
    lambda update: tell(update=dataclasses.asdict(update)),
    lambda event: tell(subchannel=dataclasses.asdict(event)),
)

import asyncio  # noqa: E402 - gRPC after the watch, as the watch wants it

import grpc  # noqa: E402
import grpc.aio  # noqa: E402

AIO = "--aio" in sys.argv
PATIENCE = 140.0  # s, less than that of who waits for the answer
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def await_(coroutine: Any) -> Any:  # noqa: ANN401
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)


async def aio_open(target: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(target, options=options)


async def aio_call(channel: Any, method: str) -> bytes:  # noqa: ANN401
    answer: bytes = await channel.unary_unary(method)(b"", timeout=PATIENCE, wait_for_ready=True)
    return answer


def call(channel: Any, method: str) -> str:  # noqa: ANN401
    try:
        if AIO:
            answer: bytes = await_(aio_call(channel, method))
        else:
            answer = channel.unary_unary(method)(b"", timeout=PATIENCE, wait_for_ready=True)
        return answer.decode()
    except grpc.RpcError as error:
        return str(error.code())


def main() -> None:  # noqa: C901 - one branch a command
    channels: dict[int, Any] = {}
    tell(started=os.getpid())
    for line in sys.stdin:
        command = json.loads(line)
        if "open" in command:
            options = [("grpc.lb_policy_name", "round_robin"), *map(tuple, command["options"])]
            opened = watch.open_channel(command["open"], options)
            make = grpc.insecure_channel if not AIO else lambda *args, **kw: await_(aio_open(*args, **kw))
            channels[opened.id] = make(opened.target, options=opened.options)
            if AIO:
                channels[opened.id].get_state(True)
            else:
                channels[opened.id].subscribe(lambda _: None, try_to_connect=True)
            tell(opened=opened.id, target=opened.target, options=opened.options)
        elif "prepare" in command:  # without gRPC, which does not take a fork well
            tell(prepared=watch.open_channel(command["prepare"], None).target)
        elif "call" in command:
            tell(answers=[call(channels[command["call"]], "/lab.Echo/Call") for _ in range(command["times"])])
        elif "close" in command:
            channel = channels.pop(command["close"])
            await_(channel.close()) if AIO else channel.close()
            tell(closed=command["close"])
        elif "uninstrument" in command:
            watch.close()
            tell(uninstrumented=1)
        elif "tap" in command:
            tell(tap=watch.tap_pid)
        elif "fork" in command:
            fork()
        elif "quit" in command:
            break


def fork() -> None:
    """What a forked child sees: no tap of its own yet; then it ends without a trace."""
    pid = os.fork()
    if pid == 0:
        tell(child=os.getpid(), tap=watch.tap_pid)
        opened = watch.open_channel("dns://127.0.0.1:1/child.test:1", None)
        while watch.tap_pid is None:  # it may still be starting; its parent has the patience
            time.sleep(0.01)
        tell(child_opened=opened.target, tap=watch.tap_pid)
        watch.close()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    tell(forked=pid, status=os.waitstatus_to_exitcode(status))


main()
