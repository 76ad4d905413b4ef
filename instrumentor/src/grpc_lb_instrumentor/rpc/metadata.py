"""The metadata by which a server sends its pod's name to a client that asks. No I/O."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from opentelemetry.propagators.textmap import Setter

from grpc_lb_instrumentor import names

Pair = tuple[str, str | bytes]
Pairs = tuple[Pair, ...]

ASK: Final[Pair] = (names.METADATA_ASK, "1")
_OURS: Final = (names.METADATA_POD, names.METADATA_PEER)


def asks(metadata: Sequence[Pair] | None) -> bool:
    """Return whether request metadata, as a server gets them, ask for the pod's name."""
    return metadata is not None and ASK in metadata


def told_in(metadata: Iterable[Pair] | None) -> tuple[str | None, str | None]:
    """Return the pod's name and our own address as that pod sees it, from response metadata."""
    pod = peer = None
    if metadata is not None:
        for key, value in metadata:
            if key == names.METADATA_POD and isinstance(value, str):
                pod = value
            elif key == names.METADATA_PEER and isinstance(value, str):
                peer = value
    return pod, peer


def merged(metadata: Iterable[Pair] | None, *extra: Pair) -> Pairs:
    """Return an application's metadata followed by ``extra``; the pod's name appears only once."""
    own = () if metadata is None else metadata
    return (*(pair for pair in own if pair[0] not in _OURS), *extra)


class CarrierSetter(Setter[list[Pair]]):
    """Puts what a propagator injects into request metadata, whose keys are lower case."""

    def set(self, carrier: list[Pair], key: str, value: str) -> None:
        """Add one pair."""
        carrier.append((key.lower(), value))


def repeatable(metadata: Iterable[Pair] | None) -> Iterable[Pair] | None:
    """Return metadata that can be iterated twice: an application may pass an iterator."""
    if metadata is None or isinstance(metadata, Collection):
        return metadata
    return tuple(metadata)
