"""Makes the study's own connections direct, whatever ``http_proxy`` says.

They lead to this machine, to a Collector or through a port-forward. A proxy in the environment is meant for
other traffic, but gRPC and urllib would use it even for 127.0.0.1.
"""

from typing import Final
from urllib.request import OpenerDirector, ProxyHandler, build_opener

NO_PROXY: Final = ("grpc.enable_http_proxy", 0)
"""The gRPC channel argument that ignores ``http_proxy``, ``https_proxy`` and ``grpc_proxy``."""


def opener() -> OpenerDirector:
    """Return an opener of URLs that uses no proxy."""
    return build_opener(ProxyHandler({}))
