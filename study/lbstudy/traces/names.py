"""Names of the facts' spans and attributes; OpenTelemetry's if its semantic conventions (v1.45) have one.

All spans of a run's facts have the resource attributes ``service.name=lbstudy`` and ``lbstudy.run.id``. All
but the root are children of the root and have no duration: they start and end at the instant of the fact.
"""

import hashlib
from typing import Final

from grpc_lb_instrumentor import names

VERSION: Final = 1
"""The version of these spans; the root has it as ``lbstudy.facts.version``. A decoder refuses others."""

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
SPAN_CONNECTION: Final = "lbstudy connection"
"""A client's connection opened or closed, by the kernel's table."""
SPAN_BUSY: Final = "lbstudy servers busy"
"""What all servers of a setting counted of their own work when they were asked together."""
SPAN_DECISION: Final = "lbstudy autoscaler decision"
"""What the autoscaler decided, and the figures that it used."""
SPAN_FORWARDED: Final = "lbstudy forwarded"
"""Sent after everything else, a second root in the same trace: what the Collector accepted of the run."""

# --- Attributes of the root ------------------------------------------------------------------------

FACTS_VERSION: Final = "lbstudy.facts.version"  # int
FACTS_COUNT: Final = "lbstudy.facts.count"  # int: the number of facts in a complete trace
DESCRIPTION: Final = "lbstudy.run.description"  # JSON of store.description.RunDescription

# --- Attributes of changes -------------------------------------------------------------------------

POD: Final = names.K8S_POD_NAME  # also of tallies
DEPLOYMENT: Final = names.K8S_DEPLOYMENT_NAME
CHANGE_KIND: Final = "lbstudy.change.kind"  # platform.interface.ChangeKind
CHANGE_ERROR: Final = "lbstudy.change.error"  # double, s: the bound of the instant's error
CHANGE_DETAIL: Final = "lbstudy.change.detail"
CHANGE_ADDRESS: Final = "lbstudy.change.address"  # "127.0.1.2:50051"

# --- Attributes of tallies: the fields of observation.tallies by their own names -------------------------

TALLY: Final = "lbstudy.tally."
"""Followed by the field: scheduled, sent, not_sent (int), by_code, by_server, streams, messages (JSON text),
others double.
"""

# --- Attributes of lookups -------------------------------------------------------------------------

LOOKUP_NAME: Final = names.DNS_QUESTION_NAME
LOOKUP_ANSWERS: Final = names.DNS_ANSWERS  # string[]
LOOKUP_TRANSPORT: Final = names.NETWORK_TRANSPORT  # udp, tcp
LOOKUP_QTYPE: Final = "lbstudy.dns.question.type"
LOOKUP_RCODE: Final = "lbstudy.dns.response.code"
LOOKUP_PEER: Final = "lbstudy.dns.peer"  # "127.0.0.1:40000"
LOOKUP_AUTHORITY: Final = "lbstudy.dns.authority"  # the DNS server's address that was queried

# --- Attributes of connections ----------------------------------------------------------------------

CONNECTION_STATE: Final = "lbstudy.connection.state"  # open, closed, watched
CONNECTION_ERROR: Final = "lbstudy.connection.error"  # double, s since the look before
CONNECTION_LOCAL: Final = "lbstudy.connection.local"  # "127.0.0.1:40000"
CONNECTION_REMOTE: Final = "lbstudy.connection.remote"

# --- Attributes of how busy servers were, and of the autoscaler's decisions ---------------------------

BUSY: Final = "lbstudy.busy"
"""JSON, a list a server: pod, uptime (s), busy (s), concurrency, waiting, ended; see store.rows.BusyRow."""
DECISION: Final = "lbstudy.autoscaler."
"""Followed by the field of store.rows.DecisionRow (int); no ``utilization`` if no metric counted."""

# --- Attributes of what was sent on -------------------------------------------------------------------

FORWARDED_SPANS: Final = "lbstudy.forwarded.spans"  # int: spans that the Collector accepted, without these
FORWARDED_POINTS: Final = "lbstudy.forwarded.metric_points"  # int
STORED_SPANS: Final = "lbstudy.stored.spans"  # int: spans in the run's own store
STORED_POINTS: Final = "lbstudy.stored.metric_points"  # int
LOST_SPANS: Final = "lbstudy.lost.spans"  # JSON: cause → spans
LOST_POINTS: Final = "lbstudy.lost.metric_points"  # JSON: cause → points

# --- Metrics of the study itself during a run; a point has lbstudy.setting ------------------------------
# None has the unit "1", for which Prometheus would call it a ratio.

METRIC_SERVERS_READY: Final = "lbstudy.servers.ready"  # gauge: servers that are Ready
METRIC_SERVER_READY: Final = (
    "lbstudy.server.ready"  # gauge, with server.k8s.pod.name: 1 Ready, 0 not Ready, or gone
)
SERVER_SERVICE: Final = "lbstudy.server.service.name"
"""On the gauge above: ``service.name`` of the server, by which rules find its lane."""
METRIC_SERVER_READY_TIME: Final = "lbstudy.server.ready.time"
"""gauge, s since the Unix epoch, with server.k8s.pod.name: when the server first became Ready."""
METRIC_SCALE_COMMANDED: Final = "lbstudy.scale.commanded"  # gauge: servers wanted
METRIC_CHANGE_TIME: Final = "lbstudy.change.time"
"""gauge, s since the Unix epoch: when a server last entered or left DNS, as a client could notice."""

METRIC_FAULT_ACTIVE: Final = (
    "lbstudy.fault.active"  # gauge, with lbstudy.fault.label: 1 while it lasts, then 0
)


METRIC_SERVER_UTILIZATION: Final = "lbstudy.server.utilization"
"""gauge, with server.k8s.pod.name: busy seconds ÷ (seconds × capacity) since its previous answer, 0 to 1."""


def trace_id(run_id: str) -> str:
    """Return the id of the trace with a run's facts, 32 hexadecimal digits; it follows from the run's id."""
    return hashlib.blake2b(run_id.encode(), digest_size=16, person=b"lbstudy trace").hexdigest()


def span_id(run_id: str, number: int) -> str:
    """Return the id of a run's fact, 16 hexadecimal digits: the same if it is sent again. 0 is the root."""
    return hashlib.blake2b(f"{run_id}/{number}".encode(), digest_size=8, person=b"lbstudy span").hexdigest()
