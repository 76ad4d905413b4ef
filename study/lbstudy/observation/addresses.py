"""Addresses as the observers write them: a pod and a subchannel have a port, an answer of DNS has none."""

from collections.abc import Set as AbstractSet


def host(address: str) -> str:
    """The IP address of "127.0.1.2:50051", "[::1]:50051", or of an address without a port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def is_listed(address: str, addresses: AbstractSet[str]) -> bool:
    """Whether a pod's address is in a resolver's answer, with its port or without."""
    return bool(address) and (address in addresses or host(address) in addresses)
