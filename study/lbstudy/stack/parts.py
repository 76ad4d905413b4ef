"""The parts of the stack: how each is started, where it listens, how it tells that it is well. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lbstudy.stack.ports import HOST, Ports

Storage = Literal["memory", "badger"]

PROMETHEUS_FLAGS = (
    "--web.enable-otlp-receiver",
    "--enable-feature=exemplar-storage",
    "--query.lookback-delta=5s",  # a pod that is gone is gone from queries 5 s later
)


@dataclass(frozen=True, slots=True)
class Part:
    """One program."""

    name: str
    binaries: Sequence[str]  # the names it may have on PATH, the first one found is taken
    arguments: Sequence[str]
    health: str  # a URL that answers 200 when the part is ready
    listens: Sequence[int]
    endpoints: dict[str, str]  # for people: what → address
    environment: dict[str, str] = field(default_factory=dict)
    folders: Sequence[Path] = ()  # to be made before it is started
    optional: bool = False  # a machine without it gets the rest


def parts(ports: Ports, files: Path, data: Path, storage: Storage = "memory") -> list[Part]:
    """Describe all parts, in the order in which they are started.

    Args:
        ports: where they listen, on 127.0.0.1.
        files: the configuration, see ``configuration_folder``.
        data: where they keep what they keep.
        storage: where Jaeger keeps spans.
    """
    return [
        _prometheus(ports, files, data),
        _jaeger(ports, files, data, storage),
        _collector(ports, files, data),
        _grafana(ports, files, data),
    ]


def _prometheus(ports: Ports, files: Path, data: Path) -> Part:
    folder = data / "prometheus"
    url = f"http://{HOST}:{ports.prometheus}"
    return Part(
        name="prometheus",
        binaries=("prometheus",),
        arguments=(
            f"--config.file={files / 'prometheus' / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder}",
            f"--web.listen-address={HOST}:{ports.prometheus}",
            *PROMETHEUS_FLAGS,
        ),
        health=f"{url}/-/ready",
        listens=(ports.prometheus,),
        endpoints={"Prometheus": url},
        folders=(folder,),
    )


def _jaeger(ports: Ports, files: Path, data: Path, storage: Storage) -> Part:
    folder = data / "jaeger"
    configs = [files / "jaeger" / "config.yaml"]
    if storage == "badger":
        configs.append(files / "jaeger" / "config-badger.yaml")
    return Part(
        name="jaeger",
        binaries=("jaeger",),
        arguments=[argument for path in configs for argument in ("--config", str(path))],
        health=f"http://{HOST}:{ports.jaeger_health}/status",
        listens=(
            ports.jaeger,
            ports.jaeger_grpc,
            ports.jaeger_otlp,
            ports.jaeger_health,
            ports.jaeger_metrics,
        ),
        endpoints={"Jaeger": f"http://{HOST}:{ports.jaeger}"},
        environment=_environment(ports) | {"LBSTUDY_JAEGER_DIR": str(folder)},
        folders=(folder,),
    )


def _collector(ports: Ports, files: Path, data: Path) -> Part:
    folder = data / "otelcol-queue"
    return Part(
        name="otel-collector",
        binaries=("otelcol-contrib", "otelcol"),
        arguments=("--config", str(files / "otel-collector" / "config.yaml")),
        health=f"http://{HOST}:{ports.otelcol_health}/",
        listens=(ports.otlp_grpc, ports.otlp_http, ports.otelcol_health, ports.otelcol_metrics),
        endpoints={
            "OTLP/gRPC": f"http://{HOST}:{ports.otlp_grpc}",
            "OTLP/HTTP": f"http://{HOST}:{ports.otlp_http}",
        },
        environment=_environment(ports) | {"LBSTUDY_OTELCOL_QUEUE_DIR": str(folder)},
        folders=(folder,),
    )


def _grafana(ports: Ports, files: Path, data: Path) -> Part:
    folder = data / "grafana"
    url = f"http://{HOST}:{ports.grafana}"
    return Part(
        name="grafana",
        binaries=("grafana",),
        # {home} is the folder of its installation: Grafana does not find its web pages itself.
        arguments=("server", "--homepath", "{home}"),
        health=f"{url}/api/health",
        listens=(ports.grafana,),
        endpoints={"Grafana": url},
        environment=_environment(ports)
        | {
            "GF_SERVER_HTTP_ADDR": HOST,
            "GF_SERVER_HTTP_PORT": str(ports.grafana),
            "GF_PATHS_DATA": str(folder),
            "GF_PATHS_LOGS": str(folder / "log"),
            "GF_PATHS_PLUGINS": str(folder / "plugins"),
            "GF_PATHS_PROVISIONING": str(files / "grafana" / "provisioning"),
            "LBSTUDY_GRAFANA_DASHBOARDS": str(files / "grafana" / "generated"),
            "LBSTUDY_JAEGER": f"http://{HOST}:{ports.jaeger}",
            "GF_AUTH_ANONYMOUS_ENABLED": "true",  # on loopback only: whoever is here may look
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        },
        folders=(folder,),
        optional=True,
    )


def _environment(ports: Ports) -> dict[str, str]:
    """What the configuration files read."""
    return ports.environment() | {
        "LBSTUDY_LISTEN": HOST,
        "LBSTUDY_JAEGER_OTLP": f"{HOST}:{ports.jaeger_otlp}",
        "LBSTUDY_PROMETHEUS": f"http://{HOST}:{ports.prometheus}",
    }
