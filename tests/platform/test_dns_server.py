"""The DNS server's process, with real packets over UDP and TCP."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest
from lbstudy.platform.interface import ChangeKind
from lbstudy.platform.local.addresses import AddressPool
from lbstudy.platform.local.deployment import Pod
from lbstudy.platform.local.environment import base_environment
from lbstudy.platform.local.publication import Publication, Published

NAME = "greeter.test.svc.cluster.local"


class Served:
    """A DNS server, and what it has told to be published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.published: asyncio.Queue[Published] = asyncio.Queue()
        (folder / "logs").mkdir()
        self.publication = Publication(folder, "test", 0.0, 5, self.published.put_nowait)

    @property
    def where(self) -> tuple[str, int]:
        host, port = self.publication.authority.split(":")
        return host, int(port)

    async def publish(self, addresses: list[str]) -> None:
        for number, address in enumerate(addresses):
            self.publication.enter("greeter", Pod(f"pod-{number}", address, 0.0), 0.0)
        for _ in addresses:
            assert (await self.published.get()).kind == ChangeKind.PUBLISHED

    async def ask(self, name: str = NAME, qtype: str = "A", *, tcp: bool = False) -> dns.message.Message:
        host, port = self.where
        send = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        return await send(dns.message.make_query(name, qtype), host, timeout=120, port=port)

    def log(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "dns.jsonl").read_text().splitlines()]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    server = Served(tmp_path)
    pool = AddressPool()
    await server.publication.start(pool.take(), base_environment({}))
    task = asyncio.create_task(server.publication.run())
    yield server
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await server.publication.stop()
    pool.release()


def found(reply: dns.message.Message) -> set[str]:
    return {record.address for rrset in reply.answer for record in rrset}


async def test_what_is_published_is_answered_and_logged(served: Served) -> None:
    assert (await served.ask()).rcode() == dns.rcode.NXDOMAIN
    await served.publish(["127.0.1.2", "127.0.1.3"])

    assert found(await served.ask()) == {"127.0.1.2", "127.0.1.3"}
    assert found(await served.ask(tcp=True)) == {"127.0.1.2", "127.0.1.3"}
    assert (await served.ask("example.org", "AAAA")).rcode() == dns.rcode.REFUSED
    log = served.log()
    assert [(entry["transport"], entry["name"], entry["qtype"], entry["rcode"]) for entry in log] == [
        ("udp", NAME, "A", "NXDOMAIN"),
        ("udp", NAME, "A", "NOERROR"),
        ("tcp", NAME, "A", "NOERROR"),
        ("udp", "example.org", "AAAA", "REFUSED"),
    ]
    assert log[1]["addresses"] == ["127.0.1.2", "127.0.1.3"]
    assert str(log[1]["peer"]).startswith("127.0.")


async def test_a_pod_that_leaves_is_out_of_the_answers_once_it_is_told(served: Served) -> None:
    pods = [Pod(f"pod-{number}", f"127.0.1.{number}", 0.0) for number in range(1, 4)]
    for pod in pods:
        served.publication.enter("greeter", pod, 0.0)
    served.publication.leave("greeter", pods[0], 0.0)
    changes = [await served.published.get() for _ in range(4)]

    assert [change.kind for change in changes] == [ChangeKind.PUBLISHED] * 3 + [ChangeKind.UNPUBLISHED]
    assert found(await served.ask()) == {"127.0.1.2", "127.0.1.3"}


async def test_hundreds_of_addresses_truncate_over_udp_and_come_over_tcp(served: Served) -> None:
    addresses = [f"127.0.{high}.{low}" for high in range(1, 4) for low in range(1, 101)]
    await served.publish(addresses)
    over_udp = await served.ask()

    assert over_udp.flags & dns.flags.TC
    assert found(await served.ask(tcp=True)) == set(addresses)
    assert [entry["truncated"] for entry in served.log()] == [True, False]


async def test_several_queries_share_a_tcp_connection(served: Served) -> None:
    await served.publish(["127.0.1.2"])
    reader, writer = await asyncio.open_connection(*served.where)
    queries = [dns.message.make_query(NAME, qtype).to_wire() for qtype in ("A", "AAAA", "A")]
    writer.write(b"".join(len(query).to_bytes(2) + query for query in queries))
    replies = []
    for _ in queries:
        size = int.from_bytes(await reader.readexactly(2))
        replies.append(dns.message.from_wire(await reader.readexactly(size)))
    writer.close()
    await writer.wait_closed()

    assert [len(reply.answer) for reply in replies] == [1, 0, 1]


async def test_no_packet_stops_it(served: Served) -> None:
    await served.publish(["127.0.1.2"])
    chance = random.Random(20)
    query = dns.message.make_query(NAME, "A").to_wire()

    def junk() -> bytes:
        if chance.random() < 0.3:
            return chance.randbytes(chance.randrange(0, 700))
        packet = bytearray(query)
        for _ in range(chance.randrange(1, 5)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        return bytes(packet[: chance.randrange(len(packet) + 1)])

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(4000):
            sender.sendto(junk(), served.where)
            if number % 200 == 199:  # its socket's buffer is bounded: give it time to take what was sent
                assert found(await served.ask()) == {"127.0.1.2"}
    for _ in range(200):
        _, writer = await asyncio.open_connection(*served.where)
        packet = junk()
        writer.write(chance.choice([len(packet), chance.randrange(65536)]).to_bytes(2) + packet)
        writer.close()
        await writer.wait_closed()

    assert found(await served.ask()) == {"127.0.1.2"}
    assert found(await served.ask(tcp=True)) == {"127.0.1.2"}
    assert (served.folder / "logs" / "dns.err").read_text() == ""
