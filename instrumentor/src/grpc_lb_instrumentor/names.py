"""The names of all spans, attributes, metrics, metadata keys and environment variables.

A comment marks the names that the OpenTelemetry semantic conventions (v1.45) define; a test compares them
with the published data. Our own names begin with ``grpc_lb.``, because gRFC A79 reserves the metric prefix
``grpc.`` for gRPC. ``registry/``, beside this package, describes them.
"""

from typing import Final

SCOPE: Final = "grpc_lb_instrumentor"
"""The instrumentation scope of everything that this package emits."""

# --- Attributes of RPC spans and of the RPC histograms --------------------------------------------

RPC_SYSTEM_NAME: Final = "rpc.system.name"  # semantic conventions; always "grpc"
RPC_METHOD: Final = "rpc.method"  # semantic conventions (stable): fully qualified, "pkg.Service/Method"
RPC_STATUS_CODE: Final = "rpc.status_code"  # semantic conventions (stable): "OK", "UNAVAILABLE" …
ERROR_TYPE: Final = "error.type"  # semantic conventions
SERVER_ADDRESS: Final = "server.address"  # semantic conventions
SERVER_PORT: Final = "server.port"  # semantic conventions
RPC_REQUEST_HEADER: Final = "rpc.request.header."  # semantic conventions; followed by the key

# Deprecated by the semantic conventions. Other instrumentation still sets them, and so did earlier versions.
RPC_GRPC_STATUS_CODE: Final = "rpc.grpc.status_code"  # int; set by opentelemetry-instrumentation-grpc
RPC_SERVICE: Final = "rpc.service"  # the same: "pkg.Service"; rpc.method is then "Method" alone
RPC_SYSTEM: Final = "rpc.system"  # the same; "grpc"
NET_PEER_IP: Final = "net.peer.ip"  # the same, on a server's span
NET_PEER_PORT: Final = "net.peer.port"  # the same
NET_PEER_NAME: Final = "net.peer.name"  # the same
NET_SOCK_PEER_ADDR: Final = "net.sock.peer.addr"  # on other languages' spans; now NETWORK_PEER_ADDRESS
NET_SOCK_PEER_PORT: Final = "net.sock.peer.port"  # now NETWORK_PEER_PORT
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"  # now RPC_STATUS_CODE
RPC_REQUEST_METADATA: Final = "rpc.request.metadata."  # now RPC_REQUEST_HEADER

SERVER_POD: Final = "server.k8s.pod.name"
"""The pod that answered, on the client's and on the server's RPC span: ``server.`` + ``k8s.pod.name``."""
SERVER_ANSWERED: Final = "grpc_lb.server.answered"
"""bool, on a client's RPC span without a pod: whether a server answered. Absent if that is unknown."""
SERVER_UNNAMED: Final = "grpc_lb.server.unnamed"
"""On a client's RPC span without a pod: why, one of ``Unnamed``."""
CHANNEL_ID: Final = "grpc_lb.channel.id"
"""int: the channel's number within its process, from 0 in order of creation."""

# --- The metadata by which a server tells its name ------------------------------------------------

METADATA_ASK: Final = "x-grpc-lb-ask"
"""Request metadata of an instrumented client. A server sends its name only if a request has this."""
METADATA_POD: Final = "x-grpc-lb-pod"
"""Response metadata (initial or trailing): the server's pod name."""
METADATA_PEER: Final = "x-grpc-lb-peer"
"""Response metadata: the client's address as the server sees it, sent a few times a connection."""

# --- Streams, while they are open ----------------------------------------------------------------

STREAM_KIND: Final = "grpc_lb.stream.kind"
"""On a client's span of a stream: who sends several messages, "server", "client" or "bidi"."""
EVENT_FIRST_MESSAGE: Final = "grpc_lb.stream.first_message"
"""Event of a client's RPC span: the stream's first answer came, from the pod in ``server.k8s.pod.name``."""
METRIC_CLIENT_MESSAGES: Final = "grpc_lb.client.stream.messages"  # counter {message}, by method and pod
METRIC_SERVER_MESSAGES: Final = "grpc_lb.server.stream.messages"  # counter {message}, by method and pod

# --- Resolver updates: one span each --------------------------------------------------------------

SPAN_RESOLVER_UPDATE: Final = "grpc_lb.resolver.update"
RESOLVER_TARGET: Final = "grpc_lb.resolver.target"  # as the application gave it: dns:///name:port
RESOLVER_OUTCOME: Final = "grpc_lb.resolver.outcome"  # one of Outcome
RESOLVER_CAUSE: Final = "grpc_lb.resolver.cause"  # one of Cause
RESOLVER_ADDRESSES: Final = "grpc_lb.resolver.addresses"  # string[], sorted
RESOLVER_ADDED: Final = "grpc_lb.resolver.added"  # string[], new since the last good answer
RESOLVER_REMOVED: Final = "grpc_lb.resolver.removed"  # string[], missing since the last good answer
RESOLVER_CHANGED: Final = "grpc_lb.resolver.changed"  # bool, so that Jaeger can search it
RESOLVER_FAMILIES: Final = "grpc_lb.resolver.families"  # string[]: record types, "A" and "AAAA"
RESOLVER_MISSING: Final = "grpc_lb.resolver.missing"  # string so that Jaeger can search it: "AAAA", "A AAAA"
RESOLVER_QUESTIONS: Final = "grpc_lb.resolver.questions"  # int
DNS_QUESTION_NAME: Final = "dns.question.name"  # semantic conventions

CHANNEL_IDS: Final = "grpc_lb.channel.ids"
"""int[], instead of the one id: channels that share connections, one of which resolved; it cannot be known
which. At most CHANNEL_IDS_MOST of them.
"""
CHANNEL_IDS_MOST: Final = 64
CHANNEL_COUNT: Final = "grpc_lb.channel.count"
"""int, beside the ids: how many channels share the connections."""

# --- Subchannels: one span without duration for each state entered --------------------------------

SPAN_SUBCHANNEL: Final = "grpc_lb.subchannel"
SUBCHANNEL_ID: Final = "grpc_lb.subchannel.id"  # int, from channelz
SUBCHANNEL_STATE: Final = "grpc_lb.subchannel.state"  # one of SubchannelState
NETWORK_PEER_ADDRESS: Final = "network.peer.address"  # semantic conventions
NETWORK_PEER_PORT: Final = "network.peer.port"  # semantic conventions

# --- A control plane (endpoint_push): one span for each version sent to a client, and for each change ------

SPAN_PUSH: Final = "grpc_lb.push"
"""From sending a version to the client's answer. For endpoints it also has the resolver's addresses."""
SPAN_ENDPOINTS: Final = "grpc_lb.endpoints"
"""A service's endpoints changed. The pushes that send the change to clients are its children."""
PUSH_NODE: Final = "grpc_lb.push.node"  # node.id of the client's bootstrap: its pod's name
PUSH_TYPE: Final = "grpc_lb.push.type"  # "listener", "route", "cluster", "endpoints"
PUSH_VERSION: Final = "grpc_lb.push.version"  # int
PUSH_RESOURCES: Final = "grpc_lb.push.resources"  # string[]
PUSH_OUTCOME: Final = "grpc_lb.push.outcome"  # one of PushOutcome
PUSH_SERVICE: Final = "grpc_lb.push.service"  # the service whose endpoints changed
# bool: no endpoint is left, so clients are not sent the empty list
PUSH_WITHHELD: Final = "grpc_lb.push.withheld"

# --- Metrics --------------------------------------------------------------------------------------

METRIC_CLIENT_DURATION: Final = "rpc.client.call.duration"  # semantic conventions (stable), s
METRIC_SERVER_DURATION: Final = "rpc.server.call.duration"  # semantic conventions (stable), s
METRIC_CLIENT_DURATION_MS: Final = "rpc.client.duration"  # deprecated: now METRIC_CLIENT_DURATION; ms
METRIC_SERVER_DURATION_MS: Final = "rpc.server.duration"  # deprecated: now METRIC_SERVER_DURATION; ms
DURATION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bucket bounds in seconds, as the semantic conventions advise."""

METRIC_RESOLVER_UPDATES: Final = "grpc_lb.resolver.updates"  # counter {update}, by outcome
METRIC_RESOLVER_ADDRESSES: Final = "grpc_lb.resolver.addresses"  # gauge {address}
METRIC_RESOLVER_LAST_UPDATE: Final = "grpc_lb.resolver.last_update"  # gauge, s since the epoch
# As gRFC A94's grpc.subchannel.*, with our prefix.
METRIC_SUBCHANNEL_SUCCEEDED: Final = "grpc_lb.subchannel.connection_attempts_succeeded"
METRIC_SUBCHANNEL_FAILED: Final = "grpc_lb.subchannel.connection_attempts_failed"
METRIC_SUBCHANNEL_CONNECT_DURATION: Final = "grpc_lb.subchannel.connect.duration"  # histogram s
METRIC_SUBCHANNEL_DISCONNECTIONS: Final = "grpc_lb.subchannel.disconnections"
METRIC_SUBCHANNEL_OPEN: Final = "grpc_lb.subchannel.open_connections"  # up-down counter
METRIC_SERVER_ACTIVE: Final = "grpc_lb.server.active_rpcs"  # up-down counter {rpc}
METRIC_SERVER_INACTIVITY_AGE: Final = "grpc_lb.server.inactivity_age"  # gauge, s; 0 while an RPC is active
METRIC_PUSH_CLIENTS: Final = "grpc_lb.push.clients"  # up-down counter {client}
METRIC_PUSH_VERSIONS: Final = "grpc_lb.push.versions"  # counter {version}, by type: versions sent
METRIC_PUSH_ACK_DURATION: Final = "grpc_lb.push.ack.duration"  # histogram s, by type
METRIC_PUSH_NACKS: Final = "grpc_lb.push.nacks"  # counter {nack}, by type
METRIC_PUSH_ENDPOINTS: Final = "grpc_lb.push.endpoints"  # gauge {endpoint}, by service
METRIC_PUSH_SOURCE_LOSSES: Final = "grpc_lb.push.source.losses"  # counter {loss}
METRIC_PROCESS_CPU_TIME: Final = "process.cpu.time"  # semantic conventions, s; by cpu.mode
METRIC_PROCESS_MEMORY_USAGE: Final = "process.memory.usage"  # semantic conventions, By

# --- Other names of the semantic conventions, which the study uses --------------------------------

SERVICE_NAME: Final = "service.name"
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
K8S_POD_NAME: Final = "k8s.pod.name"
K8S_POD_IP: Final = "k8s.pod.ip"
K8S_NAMESPACE_NAME: Final = "k8s.namespace.name"
K8S_DEPLOYMENT_NAME: Final = "k8s.deployment.name"
CPU_MODE: Final = "cpu.mode"
DNS_ANSWERS: Final = "dns.answers"  # string[]
NETWORK_TRANSPORT: Final = "network.transport"  # udp, tcp

# --- Environment ----------------------------------------------------------------------------------

ENV_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_DISABLED"
"""`true`: this instrumentor does nothing."""
ENV_RESOLVER_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED"
"""`true`: targets are not changed, and no resolver update is seen."""
ENV_SUBCHANNEL_DISABLED: Final = "OTEL_PYTHON_GRPC_LB_SUBCHANNEL_DISABLED"
"""`true`: channelz is not enabled, and no subchannel is seen."""
ENV_CAPTURE_METADATA: Final = "OTEL_PYTHON_GRPC_LB_CAPTURE_REQUEST_METADATA"
"""Comma-separated request metadata keys that become ``rpc.request.header.<key>`` on client spans."""
ENV_POD_NAME: Final = "POD_NAME"
"""The server's pod name (from the downward API); without it, ``k8s.pod.name`` or the host name counts."""
ENV_CHANNELZ_ORPHANS: Final = "GRPC_CHANNELZ_MAX_ORPHANED_NODES"
"""gRPC's own: the number of removed subchannels whose trace channelz keeps; read when grpc is imported."""
CHANNELZ_ORPHANS: Final = "1000"
"""The value that the instrumentor gives it unless it is set."""
