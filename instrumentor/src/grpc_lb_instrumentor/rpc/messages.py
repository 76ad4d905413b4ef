"""Counts the messages of streams by method and pod, while the streams are open."""

import itertools
from collections.abc import Callable, Iterable
from typing import Final, Self

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from grpc_lb_instrumentor import names

_COUNTED_SETS: Final = 4096  # methods × pods; further ones are not counted


class Messages:
    """A counter that costs almost nothing per message: its values are read when metrics are collected."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        """Begin with no counts."""
        self._counts: dict[tuple[str, str | None], itertools.count[int]] = {}

    @classmethod
    def of_clients(cls, meter: Meter) -> Self:
        """Create the counter of messages that this process's clients receive on streams."""
        messages = cls()
        meter.create_observable_counter(
            names.METRIC_CLIENT_MESSAGES,
            [messages._observe],
            unit="{message}",
            description="Messages that clients received on streams",
        )
        return messages

    @classmethod
    def of_servers(cls, meter: Meter) -> Self:
        """Create the counter of messages that this process's servers send on streams."""
        messages = cls()
        meter.create_observable_counter(
            names.METRIC_SERVER_MESSAGES,
            [messages._observe],
            unit="{message}",
            description="Messages that the server sent on streams",
        )
        return messages

    def of(self, path: str, pod: str | None) -> Callable[[], int]:
        """Return the function to call, from any thread, for each message of one method and pod."""
        counted = self._counts.get((path, pod))
        if counted is None:
            counted = itertools.count()
            if len(self._counts) < _COUNTED_SETS:
                counted = self._counts.setdefault((path, pod), counted)
        return counted.__next__

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        for (path, pod), counted in list(self._counts.items()):
            attributes = {names.RPC_SYSTEM_NAME: "grpc", names.RPC_METHOD: path.lstrip("/")}
            if pod is not None:
                attributes[names.SERVER_POD] = pod
            # Reads how far an itertools.count has come without advancing it: repr gives "count(3)".
            yield Observation(int(repr(counted)[6:-1]), attributes)
