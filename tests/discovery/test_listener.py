"""One port of the tap, with sockets as clients."""

import asyncio
import contextlib
import socket
import time

from grpc_lb_instrumentor.discovery.ports import LinePorts
from grpc_lb_instrumentor.discovery.tap.listener import Line, Listener
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import Address

from tests.discovery.lab.client import PATIENCE
from tests.discovery.lab.queries import query
from tests.ports import free_port

CLIENTS = 12


def test_resolutions_that_are_over_at_once_are_reported_in_the_order_in_which_they_began() -> None:
    """As where the tap was not scheduled for a while: what comes later must not count as what was before."""
    reports = asyncio.run(asyncio.wait_for(reported(), PATIENCE))
    assert [report.question for report in reports] == [f"name-{number}.test" for number in range(CLIENTS)]


async def reported() -> list[Report]:
    """The reports of clients that asked one after the other, and whose sockets are all closed."""
    ports = LinePorts()
    line, opened = ports.open_line(None)
    assert opened is not None
    silent = Address("127.0.0.1", free_port())
    reports: list[Report] = []
    lines = {line.host: Line(lambda: (silent,), lambda: None, reports.append)}
    began = asyncio.Event()
    listener = Listener(opened.udp, opened.tcp, lines, began.set)
    await listener.start()
    try:
        with contextlib.ExitStack() as clients:
            for number in range(CLIENTS):
                client = clients.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                client.sendto(query(f"name-{number}.test").to_wire(), (line.host, line.port))
                await began.wait()
                began.clear()
        listener.sweep(listener.under_way(), time.time_ns(), frozenset())
    finally:
        listener.close()
        ports.close()
    return reports
