"""Deployments of somebody's own, as the API has them: orders, called by checkout through a Service."""

from typing import Any

from lbstudy.platform.kubernetes.workloads import Workloads


def orders(**pod: object) -> dict[str, Any]:
    """Servers, whose container has a readiness probe, a volume and variables of their own."""
    spec = {
        "serviceAccountName": "orders",
        "volumes": [{"name": "config", "configMap": {"name": "orders"}}],
        "containers": [
            {
                "name": "app",
                "image": "shop/orders:7",
                "command": ["/orders"],
                "args": ["--listen=:9000"],
                "env": [
                    {"name": "DATABASE", "value": "postgres://db/orders"},
                    {"name": "OTEL_SERVICE_NAME", "value": "orders"},
                    {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "team=shop,service.version=7"},
                ],
                "ports": [{"name": "grpc", "containerPort": 9000}],
                "readinessProbe": {"grpc": {"port": 9000}, "periodSeconds": 7},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/orders"}],
            }
        ],
    }
    return {
        "metadata": {"name": "orders"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "orders"}},
            "strategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"app": "orders", "tier": "back"}}, "spec": spec | pod},
        },
    }


def checkout(*args: str, env: dict[str, str] | None = None, **pod: object) -> dict[str, Any]:
    """A client."""
    container: dict[str, Any] = {
        "name": "checkout",
        "image": "shop/checkout:3",
        "args": list(args),
        "env": [{"name": name, "value": value} for name, value in (env or {}).items()],
        "livenessProbe": {"httpGet": {"port": 8080, "path": "/"}},
    }
    return {
        "metadata": {"name": "checkout"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "checkout"}},
            "template": {
                "metadata": {"labels": {"app": "checkout"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 5} | pod,
            },
        },
    }


def service(
    name: str = "orders", port: int = 80, target: int | str = "grpc", **selector: str
) -> dict[str, Any]:
    """A Service with a port of its own."""
    return {
        "metadata": {"name": name},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.0.0.1",
            "selector": selector or {"app": "orders"},
            "ports": [{"port": port, "targetPort": target}],
        },
    }


def shop(
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    services: tuple[dict[str, Any], ...] | None = None,
    target_env: tuple[str, ...] = (),
) -> Workloads:
    """What is studied, in the namespace "shop"."""
    found = (service(),) if services is None else services
    return Workloads("shop", server or orders(), client or checkout("orders:80"), found, target_env)
