"""Names of the study's own attributes and spans; an instrumented service's are grpc_lb_instrumentor.names."""

from typing import Final

# --- Resource attributes that every pod of a run carries -------------------------------------------

SERVICE_NAME: Final = "service.name"  # semantic conventions
POD_NAME: Final = "k8s.pod.name"  # semantic conventions
RUN_ID: Final = "lbstudy.run.id"
SETTING: Final = "lbstudy.setting"

SERVICE_SERVER: Final = "greeter-server"
SERVICE_CLIENT: Final = "greeter-client"
SERVICE_STUDY: Final = "lbstudy"
"""``service.name`` of the changes' traces."""

# --- Request metadata ------------------------------------------------------------------------------

METADATA_SCHEDULED: Final = "x-scheduled-unix-nano"
"""Request metadata of each RPC: the instant at which the open loop was to send it, in decimal."""

# --- Changes as traces -----------------------------------------------------------------------------

SPAN_SERVER_ADDED: Final = "server added"
SPAN_SERVER_REMOVED: Final = "server removed"
SPAN_FAULT: Final = "fault"
"""From the first of its beginnings to the last of its ends; below it, one span a server that it was on."""
SPAN_FAULT_ON_SERVER: Final = "fault on server"
FAULT: Final = "lbstudy.fault.label"
"""A fault's label, "latency 200 ms on 1 server"; also of the metric that tells which faults last."""
CENSORED: Final = "lbstudy.censored"
"""bool: the stage was not reached while it was watched; the span ends where the watching did."""
CLIENT: Final = "lbstudy.client"
"""The client whose view a stage is, "client-0"."""
STAGE: Final = "lbstudy.stage"
"""The stage that a span ends with, one of result.model.StageName."""
