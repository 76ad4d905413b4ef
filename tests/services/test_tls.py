"""Encrypted connections between the programs, with what the study's platform makes for them."""

import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from greeter.v1 import greeter_pb2, greeter_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lbstudy.platform.interface import Tls
from lbstudy.platform.local.certificates import Authority
from lbstudy.platform.programs import Certificates

from tests.services.conftest import StartProgram

LOAD = ("--clients=2", "--rate=5", "--duration=1", "--timeout=60", "--max-lateness=60")


def own(made: Certificates) -> list[str]:
    return [f"--tls-certificate={made.certificate}", f"--tls-key={made.key}"]


@pytest.mark.parametrize("clients", [False, True], ids=["servers", "mutual"])
@pytest.mark.parametrize("key", ["ec", "rsa"])
async def test_rpcs_go_over_encrypted_connections_and_over_no_others(
    start: StartProgram, tmp_path: Path, key: str, clients: bool
) -> None:
    authority, tls = Authority(tmp_path / "tls"), Tls(key, clients)
    servers = authority.issue("servers", tls, "localhost")
    client = authority.issue("client", tls)
    args = [*own(servers), *([f"--tls-ca={servers.ca}"] if clients else [])]
    server = await start("greeter.server", "--address", "127.0.0.1:0", *args)
    target = (await server.event("serving"))["address"]
    load = ["--target", target, *LOAD]

    async def ended(*more: str) -> dict[str, int]:
        program = await start("greeter.client", *load, *more)
        codes: dict[str, int] = (await program.event("finished"))["tally"]["by_code"]
        return codes

    trusting = [f"--tls-ca={client.ca}"]
    assert await ended(*trusting, *(own(client) if clients else [])) == {"OK": 10}
    assert await ended() == {"UNAVAILABLE": 10}
    if clients:
        assert await ended(*trusting) == {"UNAVAILABLE": 10}


async def test_probes_in_plain_text_find_the_health_service_and_nothing_else(
    start: StartProgram, tmp_path: Path
) -> None:
    made = Authority(tmp_path / "tls").issue("servers", Tls(), "localhost")
    with socket.create_server(("127.0.0.1", 0)) as free:
        probed = f"127.0.0.1:{free.getsockname()[1]}"
    server = await start(
        "greeter.server", "--address", "127.0.0.1:0", f"--health-address={probed}", *own(made)
    )
    address = (await server.event("serving"))["address"]

    async with grpc.aio.insecure_channel(probed) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        greet = greeter_pb2_grpc.GreeterServiceStub(channel).SayHello
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await greet(greeter_pb2.SayHelloRequest(), timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    async with grpc.aio.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await health.Check(health_pb2.HealthCheckRequest(), timeout=20)
    server.process.terminate()
    assert await server.end() == 0


@pytest.mark.parametrize("module", ["greeter.server", "greeter.client"])
async def test_a_file_that_cannot_be_read_gets_one_clear_line(start: StartProgram, module: str) -> None:
    target = ["--target", "x"] if module == "greeter.client" else []
    program = await start(module, *target, "--tls-ca=/nowhere/ca.pem")
    errors = await program.errors()

    assert await program.end() == 2
    assert errors.count("\n") == 1
    assert "'/nowhere/ca.pem' cannot be read: No such file or directory" in errors
