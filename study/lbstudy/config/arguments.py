"""gRPC arguments of channels and servers: how they are written, and which of them gRPC knows.

gRPC ignores an argument that it does not know, so a typing error would go unnoticed: ``notes`` reports it.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator

Argument = int | str | bool
INT32 = 2**31 - 1
_KEY = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")
# Arguments that the study sets itself → what would happen if a file set them.
_RESERVED = {
    "grpc.service_config": "write it as the table [service_config]",
    "grpc.lb_policy_name": "write it as policy",
    "grpc.use_local_subchannel_pool": "the study sets it: each simulated client has connections of its own",
    "grpc.so_reuseport": "the study sets it: two pods must never share an address",
}

# From grpc/impl/channel_arg_names.h: those whose value can be written in a file and has an effect here.
KNOWN = frozenset(
    {
        "grpc.absolute_max_metadata_size",
        "grpc.client_idle_timeout_ms",
        "grpc.default_authority",
        "grpc.dns_ares_query_timeout",
        "grpc.dns_enable_srv_queries",
        "grpc.dns_min_time_between_resolutions_ms",
        "grpc.dscp",
        "grpc.enable_channelz",
        "grpc.enable_http_proxy",
        "grpc.enable_retries",
        "grpc.experimental.enable_hedging",
        "grpc.experimental.tcp_max_read_chunk_size",
        "grpc.experimental.tcp_min_read_chunk_size",
        "grpc.experimental.tcp_read_chunk_size",
        "grpc.happy_eyeballs_connection_attempt_delay_ms",
        "grpc.http2.bdp_probe",
        "grpc.http2.hpack_table_size.decoder",
        "grpc.http2.hpack_table_size.encoder",
        "grpc.http2.initial_sequence_number",
        "grpc.http2.lookahead_bytes",
        "grpc.http2.max_frame_size",
        "grpc.http2.max_inflight_pings",
        "grpc.http2.max_ping_strikes",
        "grpc.http2.max_pings_without_data",
        "grpc.http2.min_ping_interval_without_data_ms",
        "grpc.http2.ping_timeout_ms",
        "grpc.http2.settings_timeout",
        "grpc.http2.write_buffer_size",
        "grpc.inhibit_health_checking",
        "grpc.initial_reconnect_backoff_ms",
        "grpc.keepalive_permit_without_calls",
        "grpc.keepalive_time_ms",
        "grpc.keepalive_timeout_ms",
        "grpc.lb.ring_hash.ring_size_cap",
        "grpc.max_allowed_incoming_connections",
        "grpc.max_channel_trace_event_memory_per_node",
        "grpc.max_concurrent_streams",
        "grpc.max_connection_age_grace_ms",
        "grpc.max_connection_age_ms",
        "grpc.max_connection_idle_ms",
        "grpc.max_metadata_size",
        "grpc.max_receive_message_length",
        "grpc.max_reconnect_backoff_ms",
        "grpc.max_send_message_length",
        "grpc.min_reconnect_backoff_ms",
        "grpc.minimal_stack",
        "grpc.per_message_compression",
        "grpc.per_message_decompression",
        "grpc.per_rpc_retry_buffer_size",
        "grpc.primary_user_agent",
        "grpc.secondary_user_agent",
        "grpc.server.max_pending_requests",
        "grpc.server.max_pending_requests_hard_limit",
        "grpc.server_call_metric_recording",
        "grpc.server_handshake_timeout_ms",
        "grpc.server_max_unrequested_time_in_server",
        "grpc.service_config_disable_resolution",
        "grpc.tcp_receive_buffer_size",
    }
)

NO_EFFECT = {
    **dict.fromkeys(
        (
            "grpc.http2_scheme",
            "grpc.http2.max_security_frame_size",
            "grpc.security_level",
            "grpc.ssl_session_cache",
            "grpc.ssl_target_name_override",
            "grpc.tsi.max_frame_size",
        ),
        "it is for TLS, and the study's connections have none",
    ),
    **dict.fromkeys(
        (
            "grpc.grpclb_call_timeout_ms",
            "grpc.grpclb_fallback_timeout_ms",
            "grpc.priority_failover_timeout_ms",
            "grpc.xds_resource_does_not_exist_timeout_ms",
        ),
        "it is for other load balancers than those that the study uses",
    ),
    **dict.fromkeys(
        (
            "grpc.resource_quota",
            "grpc.socket_factory",
            "grpc.socket_mutator",
        ),
        "its value is an object in memory, which a file cannot hold",
    ),
    "grpc.http_proxy": "the study's DNS names lead to this machine or its cluster, where no proxy is",
}
"""Arguments that gRPC knows, but that change nothing in this study → the reason."""


def _flatten(value: object) -> dict[str, Argument]:
    """Accept both ``grpc.x = 1``, which is TOML for nested tables, and ``"grpc.x" = 1``."""
    if not isinstance(value, dict):
        raise ValueError("expected a table of gRPC arguments")  # noqa: TRY004 - pydantic takes ValueError
    flat: dict[str, Argument] = {}
    pending: list[tuple[str, object]] = [(str(key), item) for key, item in reversed(value.items())]
    while pending:
        key, item = pending.pop()
        if isinstance(item, dict):
            pending.extend((f"{key}.{inner}", deeper) for inner, deeper in reversed(item.items()))
        elif key in flat:
            raise ValueError(f"expected each argument once, found {key} twice")
        else:
            flat[key] = _checked(key, item)
    return flat


def _checked(key: str, value: object) -> Argument:
    if not _KEY.fullmatch(key):
        raise ValueError(f"expected an argument's name, such as grpc.keepalive_time_ms, found {key!r:.80}")
    if key in _RESERVED:
        raise ValueError(f"{key} cannot be set here: {_RESERVED[key]}")
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -INT32 - 1 <= value <= INT32:
            raise ValueError(f"{key}: expected a whole number of 32 bits, found {value}")
        return value
    if isinstance(value, str):
        if not value.isprintable():
            raise ValueError(f"{key}: expected a text of printable characters")
        return value
    raise ValueError(f"{key}: expected a whole number, a text, true or false, found {value!r:.40}")


Arguments = Annotated[dict[str, Argument], BeforeValidator(_flatten)]
"""Arguments by their full names."""
ChannelArguments = Arguments
ServerArguments = Arguments
