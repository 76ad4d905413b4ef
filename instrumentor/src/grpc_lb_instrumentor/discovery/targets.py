"""Finds the targets that gRPC resolves over DNS, and rewrites them so that queries go through the tap.

Based on gRPC's naming document (doc/naming.md) and grpcio 1.85: a target without a known scheme is taken as
``dns:///target``.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

_OTHER_SCHEMES = frozenset(
    {
        "unix",
        "unix-abstract",
        "vsock",
        "ipv4",
        "ipv6",
        "xds",
        "binder",
        "fake",
        "sockaddr",
        "google-c2p",
        "google-c2p-experimental",
    }
)
_DNS = re.compile(r"^dns:(?://(?P<authority>[^/]*)/)?(?P<path>[^/?#]+)$", re.IGNORECASE)
_BARE = re.compile(r"^[A-Za-z0-9_](?:[A-Za-z0-9._-]*)(?::\d+)?$")


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address | None":
        """Read ``1.2.3.4:53`` or ``[::1]:53``; None for anything else."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            return None
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            return None
        return cls(host, int(port)) if _is_ip(host) else None


@dataclass(frozen=True, slots=True)
class DnsTarget:
    """A target that gRPC resolves by asking a nameserver."""

    path: str  # "name:port", as the application wrote it
    authority: Address | None  # the nameserver that the target names

    def through(self, tap: Address) -> str:
        """Return the same target, with the tap as its nameserver."""
        return f"dns://{tap}/{self.path}"


def parse_target(target: str) -> DnsTarget | None:
    """Parse a channel's target; None if gRPC does not ask a nameserver for it, or if that is unclear.

    Also None for an authority that gRPC refuses (a name, or no port), so that gRPC goes on refusing it.
    """
    match = _DNS.match(target)
    if match:
        authority_text, path = match["authority"] or "", match["path"]
    else:
        scheme = target.partition(":")[0].lower()
        if scheme in _OTHER_SCHEMES or not _BARE.match(target):
            return None
        authority_text, path = "", target
    authority = Address.parse(authority_text) if authority_text else None
    if authority_text and authority is None:
        return None
    if "%" in path or not _asks_nameserver(path):
        return None
    return DnsTarget(path, authority)


def _asks_nameserver(path: str) -> bool:
    if path.startswith("["):
        return False  # an IPv6 literal
    host, _, port = path.rpartition(":") if ":" in path else (path, "", "")
    if ":" in host or (":" in path and not port):
        return False
    name = host.rstrip(".").lower()
    # c-ares answers localhost itself (RFC 6761).
    return bool(name) and name != "localhost" and not name.endswith(".localhost") and not _is_ip(host)


def dns_resolver_honours_authority(environ: Mapping[str, str]) -> bool:
    """Return whether gRPC's DNS resolver is c-ares. Any other one ignores the target's authority."""
    return environ.get("GRPC_DNS_RESOLVER", "").lower() in {"", "ares"}


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
