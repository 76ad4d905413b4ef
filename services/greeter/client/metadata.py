"""The metadata that each RPC of the load carries."""

SCHEDULED_METADATA = "x-scheduled-unix-nano"
"""Request metadata: when the RPC was due, in nanoseconds since the Unix epoch, as a decimal number."""

Metadata = tuple[tuple[str, str], ...]
