"""What a run records about a cluster: its version, its nodes, and how its DNS answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2
from lightkube.resources.core_v1 import ConfigMap, Node

from lbstudy.platform.kubernetes.api import Cluster, api_errors

_NODES_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Described:
    """A cluster, to be kept with a run's result."""

    namespace: str
    cluster: Mapping[str, str]
    versions: Mapping[str, str]


async def describe_cluster(cluster: Cluster) -> Described:
    """Describe the cluster, as far as the user's rights allow. Raises PlatformError without an answer."""
    with api_errors("reading the cluster's version"):
        answer = await cluster.http.get("/version", timeout=15.0)
        answer.raise_for_status()
        version = str(answer.json().get("gitVersion", ""))
    return Described(
        cluster.namespace,
        {"context": cluster.context, **await _nodes(cluster), **await _dns(cluster)},
        {"kubernetes": version},
    )


async def _nodes(cluster: Cluster) -> dict[str, str]:
    try:
        nodes = [node async for node in cluster.objects.list(Node)]
    except httpx2.HTTPError:
        return {"nodes": "not readable"}
    parts = []
    for node in nodes[:_NODES_NAMED]:
        info = node.status.nodeInfo if node.status else None
        capacity = (node.status.capacity if node.status else None) or {}
        name = node.metadata.name if node.metadata else ""
        if info is not None:
            parts.append(
                f"{name} ({capacity.get('cpu', '?')} CPU, {info.kubeletVersion}, {info.osImage},"
                f" {info.kernelVersion}, {info.containerRuntimeVersion})"
            )
    more = f" and {len(nodes) - _NODES_NAMED} more" if len(nodes) > _NODES_NAMED else ""
    return {"nodes": f"{len(nodes)}: {', '.join(parts)}{more}"}


async def _dns(cluster: Cluster) -> dict[str, str]:
    try:
        config_map = await cluster.objects.get(ConfigMap, "coredns", namespace="kube-system")
    except httpx2.HTTPError:
        return {"CoreDNS": "Corefile not readable"}
    return {"CoreDNS": corefile((config_map.data or {}).get("Corefile", ""))}


def corefile(text: str) -> str:
    """Return the times in a Corefile: the records' TTL, and the caching."""
    plain = re.sub(r"#.*", "", text)
    ttl = re.search(r"kubernetes\b[^{]*\{[^}]*?\bttl\s+(\d+)", plain)
    cache = re.search(r"^\s*cache\b[ \t]*(\d+)?[^\n{]*(\{[^}]*\})?", plain, re.MULTILINE)
    parts = [f"ttl {ttl[1]} s" if ttl else "ttl 5 s (the default)"]
    if cache is None:
        parts.append("no cache")
    else:
        inner = " ".join((cache[2] or "").strip("{} \n").split())
        parts.append(f"cache {cache[1] or 3600} s" + (f" ({inner})" if inner else ""))
    return ", ".join(parts)
