"""What a control plane told a client, as the resolver update that it is to the client.

A client that follows a control plane looks up no DNS. What it knows of the servers changes when it takes a
version of their list, and it says so: the instant is the ACK's arrival at the control plane, which is the
update's end, later than it by the way back. The start is the sending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.records import Outcome, PushOutcome

from lbstudy.observation.records import SpanRef, Update

CAUSE: Final = "push"
"""The cause of such an update: nobody asked for it."""
REFUSED: Final = "refused"
"""The outcome of one that the client refused: it keeps its list."""


@dataclass(frozen=True, slots=True)
class Push:
    """A list of endpoints that a client took or refused."""

    node: str  # the client's pod
    outcome: str
    addresses: frozenset[str]
    added: frozenset[str]
    removed: frozenset[str]

    def update(self, client: int, started: float, ended: float, ref: SpanRef) -> Update:
        """As one client's resolver update."""
        return Update(
            client=client,
            started=started,
            ended=ended,
            outcome=self.outcome,
            cause=CAUSE,
            addresses=self.addresses,
            added=self.added,
            removed=self.removed,
            ref=ref,
        )


def read_push(attributes: Mapping[str, Any]) -> Push | None:
    """Read a push's span; None when it tells of no endpoints, or was not answered."""
    outcome = attributes.get(names.PUSH_OUTCOME)
    if attributes.get(names.PUSH_TYPE) != "endpoints" or outcome == PushOutcome.UNANSWERED:
        return None
    added = frozenset(attributes.get(names.RESOLVER_ADDED) or ())
    removed = frozenset(attributes.get(names.RESOLVER_REMOVED) or ())
    taken = Outcome.CHANGED if added or removed else Outcome.UNCHANGED
    return Push(
        node=str(attributes.get(names.PUSH_NODE, "")),
        outcome=taken if outcome == PushOutcome.ACKED else REFUSED,
        addresses=frozenset(attributes.get(names.RESOLVER_ADDRESSES) or ()),
        added=added,
        removed=removed,
    )
