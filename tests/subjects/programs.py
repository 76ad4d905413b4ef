"""The clients of other languages as ``scripts/build-subjects`` leaves them, and what they are pointed at."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lbstudy.platform.local.helper import Helper

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
GO_SERVER = CLIENTS / "go" / "build" / "greeter-server"
DNS_NAME = "greeter.lbstudy.svc.cluster.local"


@dataclass(frozen=True)
class Language:
    """How a language's client is started, and told of a DNS server."""

    name: str
    command: tuple[str, ...]
    built: tuple[Path, ...] = ()
    takes_authority: bool = True  # of a target dns://AUTHORITY/NAME
    env: Mapping[str, str] = field(default_factory=dict)

    def is_built(self) -> bool:
        """Whether the program is there."""
        return all(path.exists() for path in self.built)

    def need(self) -> None:
        """Skip the test when the program is not built; fail it where CI says that all are."""
        if missing := [path for path in self.built if not path.exists()]:
            give_up = pytest.fail if os.environ.get("LBSTUDY_SUBJECTS") == "required" else pytest.skip
            give_up(f"not built (scripts/build-subjects {self.name}): {missing[0].relative_to(ROOT)}")

    def over_dns(self, authority: str, port: int) -> tuple[Sequence[str], str]:
        """The command and the target by which it asks this DNS server for the servers."""
        if self.takes_authority:
            return self.command, f"dns://{authority}/{DNS_NAME}:{port}"
        if os.geteuid() != 0:
            pytest.skip("clients/with_dns.py needs root")
        launcher = (sys.executable, str(CLIENTS / "with_dns.py"), "--dns", authority, "--")
        return (*launcher, *self.command), f"dns:///{DNS_NAME}:{port}"


PYTHON = Language("python", (sys.executable, "-m", "greeter.client"))
GO = Language(
    "go", (str(CLIENTS / "go/build/greeter-client"),), (CLIENTS / "go/build/greeter-client", GO_SERVER)
)
_JAR = CLIENTS / "java/target/greeter-client.jar"
JAVA = Language("java", ("java", "-jar", str(_JAR)), (_JAR,), takes_authority=False)
_NODE = (CLIENTS / "node/node_modules/.built",)
NODE = Language("node", ("node", str(CLIENTS / "node/client.js")), _NODE, takes_authority=False)
OTHERS = (GO, JAVA, NODE)
ALL = (PYTHON, *OTHERS)


class Dns:
    """The study's own DNS server, on a free port of loopback."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "dns.jsonl"
        self.authority = ""
        self._helper = Helper("DNS server", folder / "dns.err")
        self._serial = 0

    async def start(self) -> None:
        """Start it, without any address yet."""
        await self._helper.start(
            "lbstudy.platform.local.dns",
            *("--address", "127.0.0.1", "--origin", "cluster.local", "--ttl", "5"),
            *("--log", str(self.log), "--control", "{control}", "--parent", "{parent}"),
            env={"PATH": os.environ["PATH"]},
        )
        self.authority = f"127.0.0.1:{json.loads(await self._helper.receive())['port']}"

    async def publish(self, *addresses: str) -> int:
        """From now on the name has these addresses; returns the instant, ns since the Unix epoch."""
        self._serial += 1
        zone = {DNS_NAME: list(addresses)} if addresses else {}
        message = {"serial": self._serial, "addresses": zone, "troubles": {}}
        self._helper.send(json.dumps(message).encode() + b"\n")
        answer = json.loads(await self._helper.receive())
        return int(answer["time_unix_nano"])

    async def stop(self) -> None:
        """End it."""
        await self._helper.stop(5.0)
