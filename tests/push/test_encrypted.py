"""xDS over TLS: clients that trust the authority are served, others are not; probes stay in plain text."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from lbstudy.platform.interface import Tls
from lbstudy.platform.local.certificates import Authority

from tests.push.lab import LOOPBACK, Lab, Start


def bootstrap(uri: str, credentials: dict[str, object]) -> str:
    server = {"server_uri": uri, "channel_creds": [credentials], "server_features": ["xds_v3"]}
    return json.dumps({"xds_servers": [server], "node": {"id": "client"}})


async def test_clients_and_servers_that_end_are_told_over_tls(start: Start, lab: Lab, tmp_path: Path) -> None:
    made = Authority(tmp_path / "tls").issue("push", Tls(), "localhost")
    own = [f"--tls-certificate={made.certificate}", f"--tls-key={made.key}"]
    await lab.up(*own, "--health-address", LOOPBACK)
    _, address = await lab.server("pod")
    await lab.tell(address)
    port = lab.address.rpartition(":")[2]
    uri, load = f"dns:///localhost:{port}", ("--clients=1", "--rate=5", "--duration=1", "--timeout=8")

    async def codes(credentials: dict[str, object]) -> dict[str, int]:
        client = await start(
            "greeter.client",
            "--target=xds:///greeter",
            *load,
            GRPC_XDS_BOOTSTRAP_CONFIG=bootstrap(uri, credentials),
        )
        found: dict[str, int] = (await client.event("finished"))["tally"]["by_code"]
        return found

    assert await codes({"type": "tls", "config": {"ca_certificate_file": made.ca}}) == {"OK": 5}
    assert "OK" not in await codes({"type": "insecure"})

    for trust, status in ((f"--tls-ca={made.ca}", 0), ("--deadline=5", 1)):
        asked = [f"--control-plane=localhost:{port}", "--address=127.0.0.9:1"]
        program = await start("endpoint_push.await_removed", *asked, trust)
        assert await program.end() == status


async def test_probes_ask_in_plain_text(lab: Lab, tmp_path: Path) -> None:
    made = Authority(tmp_path / "tls").issue("push", Tls(), "localhost")
    await lab.up(
        f"--tls-certificate={made.certificate}", f"--tls-key={made.key}", "--health-address", LOOPBACK
    )
    async with grpc.aio.insecure_channel(lab.health) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(health_pb2.HealthCheckRequest(), timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        other: Any = channel.unary_unary("/endpoint_push.v1.RemovalService/AwaitRemoved")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await other(b"", timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
