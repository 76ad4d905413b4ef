"""Addresses as observers write them: a pod's and a subchannel's have a port, those in a DNS answer do not."""

from collections.abc import Set as AbstractSet
from typing import Final

MAPPED: Final = "::ffff:"
"""What an IPv4 address begins with in IPv6's form (RFC 4291, 2.5.5.2), as an AAAA record has it."""


def host(address: str) -> str:
    """Return the IP address of "127.0.1.2:50051", "[::1]:50051", or of an address without a port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def unmapped(ip: str) -> str:
    """An IPv4 address that stands in IPv6's form, as itself; any other as it is."""
    return ip[len(MAPPED) :] if ip.lower().startswith(MAPPED) and "." in ip else ip


def is_listed(address: str, addresses: AbstractSet[str]) -> bool:
    """Return whether a resolver's answer has a pod's address: with its port or without, as IPv4 or IPv6."""
    ip = host(address)
    return bool(address) and (address in addresses or ip in addresses or MAPPED + ip in addresses)
