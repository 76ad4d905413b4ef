"""What many channels cost a program, bare and with the instrumentor: connections, descriptors, time, CPU.

The same program, which knows of no instrumentation, opens so many channels to one target, makes an RPC on
each and holds them; the figures are the operating system's. Bare and instrumented runs take turns.

    .venv/bin/python benchmarks/channels.py [CHANNELS, default 200] [--local] [--pairs 3]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

IDLE = 5.0  # s
SETTLE = 2.0  # s
NAME = "channels.test"
COLUMNS = ("connections", "descriptors", "children", "open_seconds", "open_cpu_seconds", "idle_cpu_percent")


def program(mode: str, target: str, count: int, local: int) -> None:
    """Open, call, hold; print what the operating system tells."""
    if mode == "ours":
        from grpc_lb_instrumentor import GrpcLbInstrumentor  # noqa: PLC0415 - only in this mode
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

        GrpcLbInstrumentor().instrument(tracer_provider=TracerProvider())
    import grpc  # noqa: PLC0415 - after the instrumentor, as opentelemetry-instrument has it
    import psutil  # noqa: PLC0415

    options = [("grpc.use_local_subchannel_pool", 1)] if local else []
    began, busy = time.perf_counter(), time.process_time()
    channels = [grpc.insecure_channel(target, options) for _ in range(count)]
    for channel in channels:
        call: Any = channel.unary_unary("/lab.Echo/Call")
        call(b"", timeout=120, wait_for_ready=True)
    opened, opened_cpu = time.perf_counter() - began, time.process_time() - busy
    time.sleep(SETTLE)
    this = psutil.Process()
    busy = time.process_time()
    time.sleep(IDLE)
    idle = (time.process_time() - busy) / IDLE * 100
    sockets = [one for one in this.net_connections("tcp") if one.status == "ESTABLISHED"]
    figures = (len(sockets), this.num_fds(), len(this.children()), opened, opened_cpu, idle)
    sys.stdout.write(json.dumps(figures) + "\n")


def main() -> None:
    """Take turns, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("channels", nargs="?", type=int, default=200)
    parser.add_argument("--local", action="store_true", help="each channel with connections of its own")
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    from tests.discovery.lab.dns_server import DnsServer  # noqa: PLC0415 - not in the program
    from tests.discovery.lab.echo_servers import EchoServers  # noqa: PLC0415

    dns, echo = DnsServer().start(), EchoServers()
    echo.start("127.0.91.1")
    dns.set(NAME, "127.0.91.1")
    target = f"dns://127.0.0.1:{dns.port}/{NAME}:{echo.port}"
    found: dict[str, list[list[float]]] = {"bare": [], "ours": []}
    try:
        for _ in range(arguments.pairs):
            for mode, figures in found.items():
                command = [sys.executable, __file__, "--program", mode, target]
                command += [str(arguments.channels), str(int(arguments.local))]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                figures.append(json.loads(run.stdout))
    finally:
        echo.close()
        dns.stop()
    print(f"{arguments.channels} channels, medians of {arguments.pairs}")
    print(f"{'':20}{'bare':>10}{'ours':>10}")
    for name, bare, ours in zip(COLUMNS, *(zip(*rows, strict=True) for rows in found.values()), strict=True):
        print(f"{name:20}{statistics.median(bare):10.2f}{statistics.median(ours):10.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--program"]:
        program(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
