"""Each language's client against the Python server: it does as told, and counts what the servers count."""

import asyncio
import json
import signal
from collections.abc import Sequence

import pytest
from lbstudy.config import load_setting

from tests.services.conftest import Program
from tests.subjects.conftest import GUARD, Run, Serve, Served
from tests.subjects.programs import ALL, OTHERS, Dns, Language

languages = pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
others = pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.name)

ROUND_ROBIN = '{"loadBalancingConfig":[{"round_robin":{}}]}'


async def two_servers(serve: Serve, net: str) -> list[Served]:
    """Servers at two addresses, on one port."""
    first = await serve("server-1", f"{net}.1:0")
    return [first, await serve("server-2", f"{net}.2:{first.port}")]


async def counts(servers: Sequence[Served]) -> dict[str, int]:
    """What the servers counted themselves, at their end."""
    for server in servers:
        await server.stop()
    return {server.pod_name: server.answered["OK"] for server in servers if server.answered["OK"]}


async def lines(program: Program) -> list[dict[str, object]]:
    """All that a program said; waits for its end."""
    out, err = await asyncio.wait_for(program.process.communicate(), GUARD)
    assert program.process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


@languages
async def test_what_a_client_counts_is_what_the_servers_counted(
    language: Language, serve: Serve, run: Run, dns: Dns, net: str
) -> None:
    language.need()
    servers = await two_servers(serve, net)
    await dns.publish(f"{net}.1", f"{net}.2")
    command, target = language.over_dns(dns.authority, servers[0].port)
    program = await run(
        command,
        *("--target", target, "--clients", "2", "--rate=30", "--timeout", "120", "--duration", "600"),
        *("--seed", "7", "--max-in-flight", "500", "--max-lateness", "120"),
        *("--service-config", ROUND_ROBIN, "--channel-arg", "grpc.client_idle_timeout_ms=100000"),
        env=language.env,
    )
    await asyncio.gather(*(server.called() for server in servers))  # round_robin calls both
    program.process.send_signal(signal.SIGTERM)
    said = await lines(program)
    tally = said[-1]["tally"]
    assert [line["event"] for line in said] == ["started", "finished"]
    assert isinstance(tally, dict)
    assert tally["scheduled"] == tally["sent"]
    assert tally["by_code"] == {"OK": tally["sent"]}
    assert tally["by_server"] == await counts(servers)
    queries = [json.loads(line) for line in dns.log.read_text().splitlines()]
    assert any(query["qtype"] == "A" and query["rcode"] == "NOERROR" for query in queries)


@others
async def test_a_load_that_is_over_ends_the_client(
    language: Language, serve: Serve, run: Run, net: str
) -> None:
    language.need()
    server = await serve("server-1", f"{net}.1:0")
    args = (
        "--clients",
        "3",
        "--rate",
        "30",
        "--duration",
        "0.5",
        "--max-lateness",
        "120",
        "--timeout",
        "120",
    )
    program = await run(language.command, "--target", f"dns:///{net}.1:{server.port}", *args)
    tally = (await lines(program))[-1]["tally"]
    assert isinstance(tally, dict)
    assert (tally["scheduled"], tally["by_code"], tally["by_server"]) == (45, {"OK": 45}, {"server-1": 45})
    assert await counts([server]) == {"server-1": 45}


@languages
async def test_a_rate_that_changes_is_followed_as_the_study_has_it(
    language: Language, serve: Serve, run: Run, net: str
) -> None:
    """Each of 3 clients: 20 RPC/s, from 0.4 s on 60, in a line down to 0 at 1 s, and up again for 0.2 s.

    That are 8 + 18 + 2 = 28 RPCs. A client that goes by --rate alone sends 2.
    """
    language.need()
    server = await serve("server-1", f"{net}.1:0")
    rates = "0.0:20.0,0.4:20.0,0.4:60.0,1.0:0.0,1.2:20.0"
    program = await run(
        language.command,
        *("--target", f"dns:///{net}.1:{server.port}", "--clients", "3", "--rate", "1", "--rates", rates),
        *("--duration", "1.2", "--max-lateness", "120", "--timeout", "120"),
    )
    tally = (await lines(program))[-1]["tally"]
    assert isinstance(tally, dict)
    assert (tally["scheduled"], tally["by_code"]) == (84, {"OK": 84})
    assert await counts([server]) == {"server-1": 84}


@others
async def test_what_a_client_cannot_take_is_told_by_name(language: Language, run: Run) -> None:
    language.need()
    program = await run(
        language.command,
        *("--target", "dns:///127.0.0.1:1", "--duration", "0.01"),
        *("--channel-arg", "grpc.keepalive_time_ms=2000", "--channel-arg", "grpc.no_such_option=1"),
        *(
            "--channel-arg",
            "grpc.keepalive_timeout_ms=900",
            "--channel-arg",
            "grpc.http2.ping_timeout_ms=800",
        ),
        *("--channel-arg", "grpc.http2.max_pings_without_data=0"),
    )
    told = [line for line in await lines(program) if line["event"] == "option_not_applied"]
    expected = {"grpc.no_such_option", "grpc.http2.ping_timeout_ms"}
    if language.name != "node":
        expected.add("grpc.keepalive_time_ms")
    assert {line["option"] for line in told} == expected
    assert all(line["why"] for line in told)


@others
async def test_outlier_detection_and_retries_of_a_setting_are_taken(
    language: Language, serve: Serve, run: Run, net: str
) -> None:
    language.need()
    server = await serve("server-1", f"{net}.1:0")
    config = load_setting("combined").service_config_json
    program = await run(
        language.command,
        *("--target", f"dns:///{net}.1:{server.port}", "--service-config", config),
        *("--rate", "10", "--duration", "0.3", "--max-lateness", "120", "--timeout", "120"),
    )
    tally = (await lines(program))[-1]["tally"]
    assert isinstance(tally, dict)
    assert tally["by_code"] == {"OK": 3}


@others
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--rate", "0"), "rate"),
        (("--rates", "1:10"), "no first point at 0"),
        (("--rates", "0:10,2:5,1:5"), "not in order of time"),
        (("--rates", "0:10,1:-5"), "at least 0"),
        (("--no-such-flag", "1"), "no-such-flag"),
        (("--service-config", '{"loadBalancingConfig":[{"no_such_policy":{}}]}'), "no_such_policy"),
    ],
    ids=["value", "late course", "course backwards", "negative course", "flag", "service config"],
)
async def test_a_bad_command_line_is_one_line_and_status_2(
    language: Language, args: Sequence[str], said: str, run: Run
) -> None:
    language.need()
    program = await run(language.command, "--target", "dns:///127.0.0.1:1", *args)
    out, err = await asyncio.wait_for(program.process.communicate(), GUARD)
    assert program.process.returncode == 2
    assert out == b""
    assert err.count(b"\n") == 1
    assert said in err.decode()
