"""Every name of a span, attribute, metric, metadata key and environment variable, in one place.

A name that the OpenTelemetry semantic conventions (v1.45) define is theirs, and is marked so.
Our own live under ``grpc_lb.``: gRFC A79 reserves the metric prefix ``grpc.`` for gRPC itself.
"""

from typing import Final

SCOPE: Final = "grpc_lb_instrumentor"
"""The instrumentation scope of everything that this package emits."""

# --- Attributes of RPC spans and of the RPC histograms --------------------------------------------

RPC_SYSTEM_NAME: Final = "rpc.system.name"  # semantic conventions; always "grpc"
RPC_METHOD: Final = "rpc.method"  # semantic conventions (stable): fully qualified, "pkg.Service/Method"
RPC_STATUS_CODE: Final = "rpc.response.status_code"  # semantic conventions (stable): "OK", "UNAVAILABLE" …
ERROR_TYPE: Final = "error.type"  # semantic conventions
SERVER_ADDRESS: Final = "server.address"  # semantic conventions
SERVER_PORT: Final = "server.port"  # semantic conventions
RPC_REQUEST_METADATA: Final = "rpc.request.metadata."  # semantic conventions; followed by the key
RPC_GRPC_STATUS_CODE: Final = "rpc.grpc.status_code"  # set by opentelemetry-instrumentation-grpc, int

SERVER_POD: Final = "server.k8s.pod.name"
"""The pod that answered, on the client's and the server's RPC span: ``server.`` + ``k8s.pod.name``."""
SERVER_ANSWERED: Final = "grpc_lb.server.answered"
"""bool, on the client's RPC span: false when no instrumented server told its name."""
CHANNEL_ID: Final = "grpc_lb.channel.id"
"""int, the channel's number within its process, from 0 in order of creation."""

# --- The metadata by which a server tells its name ------------------------------------------------

METADATA_ASK: Final = "x-grpc-lb-ask"
"""Request metadata: an instrumented client asks; a server tells its name only to one that does."""
METADATA_POD: Final = "x-grpc-lb-pod"
"""Response metadata (initial or trailing): the server's pod name."""

# --- Resolver updates: one span each --------------------------------------------------------------

SPAN_RESOLVER_UPDATE: Final = "grpc_lb.resolver.update"
RESOLVER_TARGET: Final = "grpc_lb.resolver.target"  # as the application gave it: dns:///name:port
RESOLVER_OUTCOME: Final = "grpc_lb.resolver.outcome"  # one of Outcome
RESOLVER_CAUSE: Final = "grpc_lb.resolver.cause"  # one of Cause
RESOLVER_ADDRESSES: Final = "grpc_lb.resolver.addresses"  # string[], sorted
RESOLVER_ADDED: Final = "grpc_lb.resolver.added"  # string[], against the last good answer
RESOLVER_REMOVED: Final = "grpc_lb.resolver.removed"  # string[]
RESOLVER_CHANGED: Final = "grpc_lb.resolver.changed"  # bool, so that Jaeger can search it
DNS_QUESTION_NAME: Final = "dns.question.name"  # semantic conventions

# --- Subchannels: one point span for each state entered -------------------------------------------

SPAN_SUBCHANNEL: Final = "grpc_lb.subchannel"
SUBCHANNEL_ID: Final = "grpc_lb.subchannel.id"  # int, channelz's
SUBCHANNEL_STATE: Final = "grpc_lb.subchannel.state"  # one of SubchannelState
NETWORK_PEER_ADDRESS: Final = "network.peer.address"  # semantic conventions
NETWORK_PEER_PORT: Final = "network.peer.port"  # semantic conventions

# --- A control plane (endpoint_push): one span for each version sent to a client, and for each change ------

SPAN_PUSH: Final = "grpc_lb.push"
"""From a version's being sent to the client's answer; of endpoints, it has the resolver's addresses too."""
SPAN_ENDPOINTS: Final = "grpc_lb.endpoints"
"""A service's endpoints changed: the parent of the pushes that tell clients of it."""
PUSH_NODE: Final = "grpc_lb.push.node"  # node.id of the client's bootstrap: its pod
PUSH_TYPE: Final = "grpc_lb.push.type"  # "listener", "route", "cluster", "endpoints"
PUSH_VERSION: Final = "grpc_lb.push.version"  # int
PUSH_RESOURCES: Final = "grpc_lb.push.resources"  # string[]
PUSH_OUTCOME: Final = "grpc_lb.push.outcome"  # one of PushOutcome
PUSH_SERVICE: Final = "grpc_lb.push.service"  # whose endpoints changed
PUSH_WITHHELD: Final = "grpc_lb.push.withheld"  # bool: there is none left, and clients are not told

# --- Metrics --------------------------------------------------------------------------------------

METRIC_CLIENT_DURATION: Final = "rpc.client.call.duration"  # semantic conventions (stable), s
METRIC_SERVER_DURATION: Final = "rpc.server.call.duration"  # semantic conventions (stable), s
DURATION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bucket bounds in seconds, those that the conventions advise."""

METRIC_RESOLVER_UPDATES: Final = "grpc_lb.resolver.updates"  # counter {update}, by outcome
METRIC_RESOLVER_ADDRESSES: Final = "grpc_lb.resolver.addresses"  # gauge {address}
METRIC_RESOLVER_LAST_UPDATE: Final = "grpc_lb.resolver.last_update"  # gauge, s since the epoch
# After gRFC A94's grpc.subchannel.*, with our prefix.
METRIC_SUBCHANNEL_SUCCEEDED: Final = "grpc_lb.subchannel.connection_attempts_succeeded"
METRIC_SUBCHANNEL_FAILED: Final = "grpc_lb.subchannel.connection_attempts_failed"
METRIC_SUBCHANNEL_DISCONNECTIONS: Final = "grpc_lb.subchannel.disconnections"
METRIC_SUBCHANNEL_OPEN: Final = "grpc_lb.subchannel.open_connections"  # up-down counter
METRIC_SERVER_ACTIVE: Final = "grpc_lb.server.active_rpcs"  # up-down counter {rpc}
METRIC_SERVER_INACTIVITY_AGE: Final = "grpc_lb.server.inactivity_age"  # gauge, s
METRIC_PUSH_CLIENTS: Final = "grpc_lb.push.clients"  # up-down counter {client}
METRIC_PUSH_VERSIONS: Final = "grpc_lb.push.versions"  # counter {version}, by type: sent
METRIC_PUSH_ACK_DURATION: Final = "grpc_lb.push.ack.duration"  # histogram s, by type
METRIC_PUSH_NACKS: Final = "grpc_lb.push.nacks"  # counter {nack}, by type
METRIC_PUSH_ENDPOINTS: Final = "grpc_lb.push.endpoints"  # gauge {endpoint}, by service
METRIC_PUSH_SOURCE_LOSSES: Final = "grpc_lb.push.source.losses"  # counter {loss}
METRIC_PROCESS_CPU_TIME: Final = "process.cpu.time"  # semantic conventions, s; by cpu.mode
METRIC_PROCESS_MEMORY_USAGE: Final = "process.memory.usage"  # semantic conventions, By

# --- Environment ----------------------------------------------------------------------------------

ENV_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_DISABLED"
"""`true`: this instrumentor does nothing at all."""
ENV_RESOLVER_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED"
"""`true`: targets are left as they are, and no resolver update is seen."""
ENV_SUBCHANNEL_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_SUBCHANNEL_DISABLED"
"""`true`: channelz is not switched on, and no subchannel is seen."""
ENV_CAPTURE_METADATA: Final = "OTEL_PYTHON_GRPC_LB_CAPTURE_REQUEST_METADATA"
"""Comma-separated request metadata keys that become ``rpc.request.metadata.<key>`` on client spans."""
ENV_POD_NAME: Final = "POD_NAME"
"""The server's pod name (the downward API); else the resource's ``k8s.pod.name``, else the host name."""
ENV_CHANNELZ_ORPHANS: Final = "GRPC_CHANNELZ_MAX_ORPHANED_NODES"
"""gRPC's own: of how many subchannels that are gone channelz keeps the trace; read when grpc is imported."""
CHANNELZ_ORPHANS: Final = "1000"
"""What the instrumentor sets it to where it is not set."""
