"""Names of the facts' spans and attributes; OpenTelemetry's where its semantic conventions (v1.45) have one.

All spans of a run's facts have the resource attributes ``service.name=lbstudy`` and ``lbstudy.run.id``; all
but the root are children of the root and point spans: they start and end at the instant that they tell of.
"""

import hashlib
from typing import Final

VERSION: Final = 1
"""Of these spans; the root has it as ``lbstudy.facts.version``. A decoder refuses all others."""

SCOPE: Final = "lbstudy.facts"
"""The instrumentation scope."""

# --- Spans -----------------------------------------------------------------------------------------

SPAN_RUN: Final = "lbstudy run"
"""The root: from time zero (the load's start) to the load's end."""
SPAN_CHANGE: Final = "lbstudy change"
"""What the platform saw happen to a pod or to a Deployment."""
SPAN_CLIENT_TALLY: Final = "lbstudy client tally"
"""What a client program counted itself; at the load's end."""
SPAN_SERVER_TALLY: Final = "lbstudy server tally"
"""What a server program counted itself; at the load's end."""
SPAN_LOOKUP: Final = "lbstudy dns lookup"
"""A query that the DNS server answered."""
SPAN_FORWARDED: Final = "lbstudy forwarded"
"""Sent after everything else, a root of its own in the same trace: what the Collector took of the run."""

# --- Attributes of the root ------------------------------------------------------------------------

FACTS_VERSION: Final = "lbstudy.facts.version"  # int
FACTS_COUNT: Final = "lbstudy.facts.count"  # int: the point spans that the trace has when it is complete
DESCRIPTION: Final = "lbstudy.run.description"  # JSON of store.description.RunDescription

# --- Attributes of changes -------------------------------------------------------------------------

POD: Final = "k8s.pod.name"  # semantic conventions; also of tallies
DEPLOYMENT: Final = "k8s.deployment.name"  # semantic conventions
CHANGE_KIND: Final = "lbstudy.change.kind"  # platform.interface.ChangeKind
CHANGE_ERROR: Final = "lbstudy.change.error"  # double, s: the bound of the instant's error
CHANGE_DETAIL: Final = "lbstudy.change.detail"
CHANGE_ADDRESS: Final = "lbstudy.change.address"  # "127.0.1.2:50051"

# --- Attributes of tallies; those of observation.records.ClientTally by their own names ----------------

TALLY: Final = "lbstudy.tally."
"""Followed by the field: scheduled, sent, not_sent (int), by_code, by_server (JSON text), others double."""

# --- Attributes of lookups -------------------------------------------------------------------------

LOOKUP_NAME: Final = "dns.question.name"  # semantic conventions
LOOKUP_ANSWERS: Final = "dns.answers"  # semantic conventions; string[]
LOOKUP_TRANSPORT: Final = "network.transport"  # semantic conventions; udp, tcp
LOOKUP_QTYPE: Final = "lbstudy.dns.question.type"
LOOKUP_RCODE: Final = "lbstudy.dns.response.code"
LOOKUP_PEER: Final = "lbstudy.dns.peer"  # "127.0.0.1:40000"

# --- Attributes of what was forwarded ---------------------------------------------------------------

FORWARDED_SPANS: Final = "lbstudy.forwarded.spans"  # int: those that the Collector took, these excluded
FORWARDED_POINTS: Final = "lbstudy.forwarded.metric_points"  # int
STORED_SPANS: Final = "lbstudy.stored.spans"  # int: those in the run's own store
STORED_POINTS: Final = "lbstudy.stored.metric_points"  # int
LOST_SPANS: Final = "lbstudy.lost.spans"  # JSON: cause → spans
LOST_POINTS: Final = "lbstudy.lost.metric_points"  # JSON: cause → points

# --- Metrics of the study itself, while a run goes on; a point has lbstudy.setting ----------------------
# None has the unit "1": Prometheus would call it a ratio.

METRIC_SERVERS_READY: Final = "lbstudy.servers.ready"  # gauge: servers that are Ready
METRIC_SERVER_READY: Final = (
    "lbstudy.server.ready"  # gauge, with server.k8s.pod.name: 1 Ready, 0 not, or gone
)
METRIC_SERVER_READY_TIME: Final = "lbstudy.server.ready.time"
"""gauge, s since the Unix epoch, with server.k8s.pod.name: when the server became Ready, first."""
METRIC_SCALE_COMMANDED: Final = "lbstudy.scale.commanded"  # gauge: servers wanted
METRIC_CHANGE_TIME: Final = "lbstudy.change.time"
"""gauge, s since the Unix epoch: when a server last entered or left DNS, as a client could notice."""

METRIC_FAULT_ACTIVE: Final = (
    "lbstudy.fault.active"  # gauge, with lbstudy.fault.label: 1 while it lasts, then 0
)


def trace_id(run_id: str) -> str:
    """The trace with a run's facts, 32 hexadecimal digits: known from the run's id, without a search."""
    return hashlib.blake2b(run_id.encode(), digest_size=16, person=b"lbstudy trace").hexdigest()


def span_id(run_id: str, number: int) -> str:
    """The id of a run's fact, 16 hexadecimal digits: the same when it is sent again. 0 is the root."""
    return hashlib.blake2b(f"{run_id}/{number}".encode(), digest_size=8, person=b"lbstudy span").hexdigest()
