"""Meaningless bytes, which give an answer its size."""

from typing import Any

import grpc

LARGEST = 4_000_000
"""Largest answer in bytes: clients accept 4 MiB by default."""


async def payload(size: int, context: Any) -> bytes:  # noqa: ANN401 - a ServicerContext of any request and response
    """Return so many bytes; an RPC that asks for too many ends with INVALID_ARGUMENT."""
    if size > LARGEST:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"expected an answer_size up to {LARGEST}")
    return bytes(size)
