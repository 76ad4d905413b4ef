"""Environment variables that instrument the pods; the programs themselves have no telemetry.

Values may contain ``$(POD_NAME)`` and ``$(POD_NAMESPACE)``. The platform expands them for each pod, as
Kubernetes does for later variables in a container's ``env``.
"""

from grpc_lb_instrumentor import names

from lbstudy.observation import attributes

# System metrics that no measure reads, and that cost each pod some milliseconds a second.
_UNREAD_METRICS = ",".join(
    (
        "system.*",
        "cpython.*",
        "process.runtime.*",
        "process.context_switches",
        "process.cpu.utilization",
        "process.disk.io",
        "process.memory.virtual",
        "process.open_file_descriptor.count",
        "process.thread.count",
    )
)
# The platform's traffic instead of the load's: probes, faults, and a control plane's streams.
_EXCLUDED_SERVICES = ",".join(
    (
        "endpoint_push.v1.EndpointService",
        "endpoint_push.v1.RemovalService",
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "greeter.v1.ControlService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    )
)


def pod_environment(
    *, endpoint: str, service: str, deployment: str, setting: str, run_id: str, container: str
) -> dict[str, str]:
    """Return the ``OTEL_*`` variables of the pods of one Deployment.

    Args:
        endpoint: where OTLP/gRPC is sent, such as ``http://127.0.0.1:4317``.
        service: ``service.name``, such as ``greeter-server``.
        deployment: the Deployment's name.
        setting: the setting under study; as a resource attribute it distinguishes lanes.
        run_id: the run, so that several runs can share one backend.
        container: the last part of ``service.instance.id``.
    """
    resource = {
        names.SERVICE_NAMESPACE: "lbstudy",
        names.SERVICE_INSTANCE_ID: f"$(POD_NAMESPACE).$(POD_NAME).{container}",
        names.K8S_NAMESPACE_NAME: "$(POD_NAMESPACE)",
        attributes.POD_NAME: "$(POD_NAME)",
        names.K8S_DEPLOYMENT_NAME: deployment,
        attributes.RUN_ID: run_id,
        attributes.SETTING: setting,
    }
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in resource.items()),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        # Changes take seconds, which the default of 60 s would not show.
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        # No spans may be dropped (default: 2048), even if the machine stalls or there are thousands of RPC/s.
        "OTEL_BSP_MAX_QUEUE_SIZE": "262144",
        "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS": _UNREAD_METRICS,
        "OTEL_PYTHON_GRPC_EXCLUDED_SERVICES": _EXCLUDED_SERVICES,
        names.ENV_CAPTURE_METADATA: attributes.METADATA_SCHEDULED,
    }
