"""Finds the name of the pod that this server is."""

import os
import socket

from opentelemetry.trace import TracerProvider

from grpc_lb_instrumentor import names


def pod_name(provider: TracerProvider) -> str:
    """Return the pod's name: POD_NAME, else the resource's k8s.pod.name, else the host's name."""
    name = os.environ.get(names.ENV_POD_NAME)
    if name:
        return name
    resource = getattr(provider, "resource", None)  # the API's provider has none
    if resource is not None:
        attribute = resource.attributes.get(names.K8S_POD_NAME)
        if attribute:
            return str(attribute)
    return socket.gethostname()
