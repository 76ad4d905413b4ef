"""A control plane's events on standard output, and its own counts, without telemetry."""

from collections import Counter

from greeter.events import emit

from endpoint_push.records import (
    EndpointsChanged,
    EndpointsWithheld,
    Nacked,
    Record,
    SourceLost,
    SourceSynced,
)


class Log:
    """Counts every record, and writes an event for each change and each problem."""

    def __init__(self) -> None:
        self._records: Counter[str] = Counter()

    def observe(self, record: Record) -> None:
        """Count a record, and write its event."""
        self._records[type(record).__name__] += 1
        match record:
            case EndpointsChanged():
                emit(
                    "endpoints",
                    service=record.service,
                    version=record.version,
                    addresses=record.addresses,
                    added=record.added,
                    removed=record.removed,
                )
            case EndpointsWithheld(service=service, kept=kept):
                emit("withheld", service=service, kept=kept)
            case Nacked(sent=sent, reason=reason):
                emit("refused", node=sent.node, kind=sent.kind, version=sent.version, reason=reason)
            case SourceSynced(services=services):
                emit("synced", services=services)
            case SourceLost(reason=reason):
                emit("lost", reason=reason)
            case _:
                pass

    def report(self) -> dict[str, int]:
        """Return how many there were of each kind of record."""
        return dict(sorted(self._records.items()))
