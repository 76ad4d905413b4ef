"""What was sent to a Collector, and what was lost, by cause, as the store has it."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from lbstudy.observation.records import Forwarded, ForwardedCount
from lbstudy.store.database import RunStore
from lbstudy.store.forward import ForwardedCounts
from lbstudy.store.forward_backlog import SentCount

_KEY: Final = "forwarded"


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sent: int
    lost: dict[str, int]

    @classmethod
    def of(cls, count: SentCount) -> "_Sent":
        return cls(sent=count.sent, lost=dict(count.lost))


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    spans: _Sent
    metric_points: _Sent


def write_forwarded(store: RunStore, endpoint: str, counts: ForwardedCounts) -> None:
    """Store the forwarder's counts. Raises StoreError."""
    kept = _Kept(endpoint=endpoint, spans=_Sent.of(counts.spans), metric_points=_Sent.of(counts.points))
    store.put_meta(_KEY, kept.model_dump(mode="json"))


def read_forwarded(store: RunStore) -> Forwarded | None:
    """Return the forwarder's counts beside the store's own; None if nothing was to be sent on.

    Raises StoreError.
    """
    content = store.meta(_KEY)
    if content is None:
        return None
    kept = _Kept.model_validate(content)
    return Forwarded(
        spans=ForwardedCount(_count(store, "spans"), kept.spans.sent, kept.spans.lost),
        points=ForwardedCount(
            _count(store, "metric_points"), kept.metric_points.sent, kept.metric_points.lost
        ),
    )


def _count(store: RunStore, table: str) -> int:
    return int(store.query(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - one of two names above
