"""A service's control plane (endpoint_push) on any platform: names, port, variables. No I/O."""

import json
from collections.abc import Mapping
from typing import Final

MODULE: Final = "endpoint_push"
CLIENTS_PORT: Final = 18000
"""The port for clients, and for terminating servers."""


def control_plane(service: str) -> str:
    """Return the name of the Deployment of a service's control plane."""
    return f"push-{service}"


def target(service: str) -> str:
    """Return the target that clients use."""
    return f"xds:///{service}"


def client_env(server_uri: str) -> Mapping[str, str]:
    """Return the variables by which gRPC finds the control plane; one contains ``$(POD_NAME)``.

    Args:
        server_uri: a gRPC target: "10.0.0.1:18000", "dns:///push:18000".
    """
    server = {
        "server_uri": server_uri,
        "channel_creds": [{"type": "insecure"}],
        "server_features": ["xds_v3", "ignore_resource_deletion"],
    }
    bootstrap = {"xds_servers": [server], "node": {"id": "$(POD_NAME)"}}
    return {"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps(bootstrap)}
