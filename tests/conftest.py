"""What tests of several folders share."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# A deadline would be a timed test: what takes long on a busy machine is not wrong.
settings.register_profile("lbstudy", deadline=None)
settings.load_profile("lbstudy")

# A script starts what it runs in the background with SIGINT and SIGQUIT ignored, nohup ignores SIGHUP, and
# processes inherit that. Programs under test start as from a terminal, whatever has started the tests.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)
signal.pthread_sigmask(signal.SIG_SETMASK, ())

sys.path.insert(0, str(Path(__file__).parents[1]))  # the parts are a module of the tests

if TYPE_CHECKING:
    from tests.stack.own_service import OwnService
    from tests.stack.parts import Stack
    from tests.stack.sent import SentRun


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stack"]:
    """Collector, Jaeger and Prometheus for tests that tell their data apart by the run's id.

    A test that stops or breaks a part makes a ``tests.stack.parts.Stack`` of its own.
    """
    from tests.stack.parts import Stack, need

    need("otelcol", "jaeger", "prometheus")
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator["OwnService"]:
    """A service that never saw a run, in a Collector and a Prometheus of its own; its story is over."""
    import time

    from tests.discovery.lab.dns_server import DnsServer
    from tests.stack.own_service import KubeStateMetrics, OwnService, Pods, configuration, play
    from tests.stack.parts import Stack, need

    need("otelcol", "prometheus")
    folder = tmp_path_factory.mktemp("own-service")
    kube, dns = KubeStateMetrics(), DnsServer().start()
    stack = Stack(folder / "stack", files=configuration(folder, kube.address))
    pods = Pods(stack)
    try:
        stack.start(["prometheus", "otel-collector"])
        own = OwnService(stack, time.time())
        play(own, pods, kube, dns)
        yield own
    finally:
        pods.close()
        stack.close()
        kube.close()
        dns.stop()


@pytest.fixture(scope="session")
def sent_run(stack: "Stack", tmp_path_factory: pytest.TempPathFactory) -> "SentRun":
    """A run that was sent to the stack, and has arrived there."""
    from tests.stack.sent import send_run

    return send_run(stack, tmp_path_factory.mktemp("sent"))
