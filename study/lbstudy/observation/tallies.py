"""What programs counted themselves, without telemetry: how it is recorded, written and read.

A client program prints its tally when it ends (clients/README.md). A store's row and a span of the run's
facts have the same fields *flat*: each is a number or a text, or JSON if a field is more than that.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class StreamTally:
    """What a client program counted of its streams; a pod's name is "" if no message had it."""

    count: int  # streams that ended
    failed: int  # of these, with another code than OK
    sent: int  # messages passed to gRPC; if a stream breaks, some may never arrive
    sent_whole: dict[str, int]  # by pod, on streams that ended with OK
    received: dict[str, int]  # by pod
    received_whole: dict[str, int]  # by pod, on streams that ended with OK


@dataclass(frozen=True, slots=True)
class ClientTally:
    """What a client program counted itself, without telemetry."""

    client: str  # the client pod
    scheduled: int
    sent: int
    not_sent: int
    by_code: dict[str, int]  # "OK", "UNAVAILABLE" … as the program saw them
    by_server: dict[str, int]  # answers with OK, by the pod's name in the response message
    offered_rate: float  # RPC/s
    achieved_rate: float  # RPC/s
    lateness_p50: float  # sent minus scheduled
    lateness_p99: float
    lateness_max: float
    streams: StreamTally | None = None  # None: a load without streams


@dataclass(frozen=True, slots=True)
class ServerTally:
    """What a server program counted itself, without telemetry; None for what it could not report."""

    server: str
    by_code: dict[str, int] | None = None
    messages: dict[str, int] | None = None  # of streams, "received" and "sent"; None: it counts none


_Tally = TypeVar("_Tally", ClientTally, ServerTally)
_ADAPTERS: Final[Mapping[type, TypeAdapter[Any]]] = {
    record: TypeAdapter(record) for record in (ClientTally, ServerTally)
}

FlatValue = str | int | float | None


def kinds(record: type[ClientTally | ServerTally]) -> dict[str, type]:
    """Return each field of a tally, in order → str, int or float; ``dict`` if it is JSON when flat."""
    return {
        name: kind if kind in {str, int, float} else dict for name, kind in get_type_hints(record).items()
    }


def flat(tally: ClientTally | ServerTally) -> dict[str, FlatValue]:
    """Return each field of a tally, in order → its value; JSON text if it is more than a number or a text."""
    return {
        name: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if isinstance(value, dict)
        else value
        for name, value in asdict(tally).items()
    }


def read_tally(record: type[_Tally], fields: Mapping[str, object]) -> _Tally:
    """Make a tally from its fields, flat or as a program printed them.

    Unknown fields, of other versions, are ignored.

    Raises:
        ValueError: a field is missing, or has another type.
    """
    parts = {name for name, kind in kinds(record).items() if kind is dict}
    whole = {
        name: json.loads(value) if name in parts and isinstance(value, str) else value
        for name, value in fields.items()
    }
    try:
        read: _Tally = _ADAPTERS[record].validate_python(whole)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{record.__name__}, {where}: {first['msg']}") from error
    return read
