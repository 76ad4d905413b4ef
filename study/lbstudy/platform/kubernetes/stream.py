"""Exec and port-forward: WebSockets of the API, with the channels of its protocols v4 and v5."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from httpx2.websockets import AsyncWebSocketSession

from lbstudy.platform.kubernetes.api import Cluster

STDIN: Final = 0
STDOUT: Final = 1
ERROR: Final = 3


@asynccontextmanager
async def execute(
    cluster: Cluster, pod: str, container: str, command: list[str]
) -> AsyncIterator[AsyncWebSocketSession]:
    """Run a command in a container, with its standard input and output. Raises what httpx2 raises."""
    query: list[tuple[str, str | int | float | bool | None]] = [("command", part) for part in command]
    query += [("container", container), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
    url = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/exec"
    protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
    async with cluster.http.websocket(
        url, subprotocols=protocols, params=httpx2.QueryParams(query)
    ) as session:
        yield session


@asynccontextmanager
async def forward(cluster: Cluster, pod: str, port: int) -> AsyncIterator[AsyncWebSocketSession]:
    """Open one connection to a port of a pod. Raises what httpx2 raises."""
    url = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/portforward"
    async with cluster.http.websocket(
        url, subprotocols=["v4.channel.k8s.io"], params={"ports": str(port)}
    ) as session:
        yield session
