"""How the node starts a pod's program. Pure."""

from lbstudy.platform.interface import ServerSpec
from lbstudy.platform.local.node.messages import Start


def server_start(spec: ServerSpec) -> Start:
    """Servers are forked, but for those with a GRPC_* variable: gRPC has read these on import in the node."""
    return Start.EXEC if any(name.startswith("GRPC_") for name in spec.env) else Start.FORK
