"""The metadata by which a server tells its pod's name to a client that asks: pure functions."""

from collections.abc import Iterable, Sequence
from typing import Final

from grpc_lb_instrumentor import names

Pair = tuple[str, str | bytes]
Pairs = tuple[Pair, ...]

ASK: Final[Pair] = (names.METADATA_ASK, "1")


def asks(metadata: Sequence[Pair] | None) -> bool:
    """Tell whether request metadata, as a server has them, ask for the pod's name."""
    return metadata is not None and ASK in metadata


def pod_in(metadata: Iterable[Pair] | None) -> str | None:
    """Return the pod's name that response metadata tell, or None."""
    if metadata is not None:
        for key, value in metadata:
            if key == names.METADATA_POD and isinstance(value, str):
                return value
    return None


def merged(metadata: Iterable[Pair] | None, *extra: Pair) -> Pairs:
    """Return an application's metadata followed by ``extra``, with the pod's name in it once only."""
    own = () if metadata is None else metadata
    return (*(pair for pair in own if pair[0] != names.METADATA_POD), *extra)
