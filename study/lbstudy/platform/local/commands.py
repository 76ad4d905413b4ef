"""Chooses how the node starts a pod's program. No I/O."""

from lbstudy.platform.interface import ServerSpec
from lbstudy.platform.local.node.messages import Start


def server_start(spec: ServerSpec) -> Start:
    """Return FORK for servers that allow it, unless they have GRPC_* variables: gRPC reads them on import."""
    is_read = any(name.startswith("GRPC_") for name in (*spec.env, *spec.program.env))
    return Start.FORK if spec.program.preload and not is_read else Start.EXEC
