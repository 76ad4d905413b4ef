"""Turns what a control plane sent a client into a resolver update, which it is for the client.

A client with a control plane makes no DNS lookups. What it knows of the servers changes when it accepts a
version of their list, and it reports that. The update's end is the ACK's arrival at the control plane, which
is later by the way back; its start is when the version was sent.
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
"""The outcome if the client refused it: it keeps its list."""


@dataclass(frozen=True, slots=True)
class Push:
    """A list of endpoints that a client accepted or refused."""

    node: str  # the client's pod
    outcome: str
    addresses: frozenset[str]
    added: frozenset[str]
    removed: frozenset[str]

    def update(self, client: int, started: float, ended: float, ref: SpanRef) -> Update:
        """Return it as one client's resolver update."""
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
    """Read a push's span; None if it has no endpoints, or was not answered."""
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
