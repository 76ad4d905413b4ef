"""The study's own attributes and spans; grpc_lb_instrumentor.names has those of an instrumented service."""

from typing import Final

from grpc_lb_instrumentor import names

# --- Resource attributes that every pod of a run carries -------------------------------------------

SERVICE_NAME: Final = names.SERVICE_NAME
POD_NAME: Final = names.K8S_POD_NAME
RUN_ID: Final = "lbstudy.run.id"
SETTING: Final = "lbstudy.setting"

SERVICE_STUDY: Final = "lbstudy"
"""``service.name`` of the traces of changes."""


def service_name(subject: str, role: str) -> str:
    """Return ``service.name`` of the pods of a role, "client" or "server": "orders-client"."""
    return f"{subject}-{role}"


def client_deployment(setting: str) -> str:
    """Return the name of a setting's Deployment of clients."""
    return f"client-{setting}"


# --- Request metadata ------------------------------------------------------------------------------

METADATA_SCHEDULED: Final = "x-scheduled-unix-nano"
"""Request metadata of each RPC: when the open loop was to send it, as a decimal number."""

# --- Changes as traces -----------------------------------------------------------------------------

SPAN_SERVER_ADDED: Final = "server added"
SPAN_SERVER_REMOVED: Final = "server removed"
SPAN_FAULT: Final = "fault"
"""From the first of a fault's beginnings to the last of its ends; below it, a span for each server."""
SPAN_FAULT_ON_SERVER: Final = "fault on server"
FAULT: Final = "lbstudy.fault.label"
"""A fault's label, "latency 200 ms on 1 server"; also on the metric of active faults."""
CENSORED: Final = "lbstudy.censored"
"""bool: the stage was not reached while it was watched; the span ends when watching did."""
CLIENT: Final = "lbstudy.client"
"""The client that a stage is about, "client-0"."""
STAGE: Final = "lbstudy.stage"
"""The stage that a span ends with, one of result.model.StageName."""
