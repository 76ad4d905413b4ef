"""Nothing of the watch may harm the application."""

import os
import select
from pathlib import Path

import pytest

from tests.discovery.conftest import MakeProbe
from tests.discovery.lab.client import PATIENCE, Probe
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.echo_servers import EchoServers

NAME = "servers.test"


def target(dns_server: DnsServer, echo: EchoServers) -> str:
    return f"dns://127.0.0.1:{dns_server.port}/{NAME}:{echo.port or 50051}"


def assert_unwatched(probe: Probe, given: str) -> None:
    """The target is as it was, RPCs work, and no update is told."""
    assert [probe.open(given)["target"] for _ in range(2)] == [given] * 2
    assert probe.call(0) == probe.call(1) == ["127.0.71.1"]
    # Subchannels are seen all the same; these two channels share one.
    assert probe.wait_subchannel(state="ready")["address"].startswith("127.0.71.1:")
    probe.quit()
    assert probe.all("update") == []


@pytest.fixture
def served(dns_server: DnsServer, echo: EchoServers) -> str:
    echo.start("127.0.71.1")
    dns_server.set(NAME, "127.0.71.1")
    return target(dns_server, echo)


@pytest.mark.parametrize("broken", ["no interpreter", "dies at once"])
def test_a_tap_that_cannot_start(broken: str, make_probe: MakeProbe, tmp_path: Path, served: str) -> None:
    interpreter = tmp_path / "python"
    if broken != "no interpreter":
        interpreter.write_text("#!/bin/sh\nexit 1\n")
        interpreter.chmod(0o755)
    probe = make_probe("--executable", str(interpreter))
    assert_unwatched(probe, served)
    assert len(probe.all("warning")) == 1
    assert "tap" in probe.all("warning")[0]


def test_a_tap_that_hangs_at_its_start_becomes_a_thread(
    make_probe: MakeProbe, tmp_path: Path, served: str
) -> None:
    """It may as well be slow, on a busy machine: the channel is led through it, and its queries wait."""
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\nexec sleep 60\n")
    interpreter.chmod(0o755)
    probe = make_probe("--executable", str(interpreter))
    assert probe.open(served)["target"] != served
    assert probe.call() == ["127.0.71.1"]
    # On a busy machine the channel may give up a first time before the thread is there.
    assert probe.wait_update(outcome="changed")["addresses"] == ["127.0.71.1"]
    assert len(probe.all("warning")) == 1
    assert "thread" in probe.all("warning")[0]


def test_switched_off_by_the_environment(make_probe: MakeProbe, served: str) -> None:
    probe = make_probe(
        env={
            "OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED": "true",
            "OTEL_PYTHON_GRPC_LB_SUBCHANNEL_DISABLED": "true",
        }
    )
    opened = probe.open(served)
    assert opened["target"] == served
    assert opened["options"] == [["grpc.lb_policy_name", "round_robin"]]
    assert probe.call() == ["127.0.71.1"]
    probe.quit()
    assert (probe.all("update"), probe.all("subchannel"), probe.all("warning")) == ([], [], [])


def test_a_resolver_that_ignores_the_authority_is_left_alone(
    make_probe: MakeProbe, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    probe = make_probe(env={"GRPC_DNS_RESOLVER": "native"})
    given = [f"dns:///no-such-name.test:{echo.port}" for _ in range(2)]
    assert [probe.open(one)["target"] for one in given] == given
    assert len(probe.all("warning")) == 1
    assert "GRPC_DNS_RESOLVER" in probe.all("warning")[0]


def test_what_needs_no_nameserver_is_left_alone(probe: Probe, echo: EchoServers) -> None:
    echo.start("127.0.0.1")
    for given in (f"127.0.0.1:{echo.port}", f"ipv4:127.0.0.1:{echo.port}", f"dns:///localhost:{echo.port}"):
        opened = probe.open(given)
        assert opened["target"] == given
        assert probe.call(opened["opened"]) == ["127.0.0.1"]
        ready = probe.wait_subchannel(channel=opened["opened"], state="ready")
        assert ready["target"] == given
    assert probe.command("tap", tap=1)["tap"] is None
    assert probe.all("warning") == []


def test_a_channel_that_connects_without_a_query(make_probe: MakeProbe, echo: EchoServers) -> None:
    """A name in the hosts file is resolved without asking anybody; it is told once, and does no harm."""
    name = next((name for name in hosts_names()), None)
    if name is None:
        pytest.skip("the hosts file names nothing but localhost")
    host, address = name
    echo.start(address)
    probe = make_probe()
    for _ in range(2):
        opened = probe.open(f"dns:///{host}:{echo.port}")
        assert opened["target"] != f"dns:///{host}:{echo.port}"
        assert probe.call(opened["opened"]) == [address]
    probe.wait(lambda message: "without a DNS query" in message.get("warning", ""))
    probe.quit()
    assert probe.all("update") == []  # AAAA is asked, but says nothing of how it ended


def hosts_names() -> list[tuple[str, str]]:
    lines = [line.split() for line in Path("/etc/hosts").read_text(encoding="utf-8").splitlines()]
    return [
        (words[1], words[0])
        for words in lines
        if len(words) > 1 and words[0].startswith("127.") and words[1] != "localhost"
    ]


def test_the_tap_ends_with_the_application(probe: Probe, served: str) -> None:
    probe.open(served)
    probe.wait_update()
    tap = probe.command("tap", tap=1)["tap"]
    gone = os.pidfd_open(tap)
    probe.process.kill()
    assert wait_readable(gone)
    os.close(gone)


def test_a_forked_child_has_a_tap_of_its_own(probe: Probe, served: str) -> None:
    probe.command("prepared", prepare=served)
    tap = probe.command("tap", tap=1)["tap"]
    assert probe.command("forked", fork=1)["status"] == 0
    child = next(message for message in probe.messages if "child_opened" in message)
    assert child["child_opened"].startswith("dns://127.0.0.1:")
    assert child["tap"] not in {tap, None}
    # The parent's is as it was.
    probe.open(served)
    assert probe.wait_update()["channel"] == 1
    assert probe.command("tap", tap=1)["tap"] == tap


def test_open_channels_go_on_after_the_watch_is_closed(
    probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1", "127.0.71.2")
    dns_server.set(NAME, "127.0.71.1")
    probe.open(target(dns_server, echo), dns_min_time_between_resolutions_ms=100)
    probe.wait_update()
    probe.command("uninstrumented", uninstrument=1)
    dns_server.set(NAME, "127.0.71.2")
    echo.stop("127.0.71.1")
    assert probe.call() == ["127.0.71.2"]
    given = target(dns_server, echo)
    assert probe.open(given)["target"] == given
    assert probe.quit() == 0
    assert len(probe.all("update")) == 1


def test_what_was_seen_last_is_told_at_exit(make_probe: MakeProbe, served: str, echo: EchoServers) -> None:
    probe = make_probe("--seldom")
    probe.open(served)
    assert probe.call() == ["127.0.71.1"]
    echo.stop("127.0.71.1")  # within the 30 s after a resolution, so that none brings a look at the channel
    probe.wait_trace("reporting connectivity state IDLE")
    assert probe.quit() == 0
    assert len(probe.all("update")) == 1
    told = [event["state"] for event in probe.all("subchannel")]
    assert told[:4] == ["created", "connecting", "ready", "idle"], probe.all("debug")


def wait_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], PATIENCE)[0])
