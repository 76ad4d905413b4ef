"""The parts of the stack: how each is started, its addresses, its health check and its configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lbstudy.stack import StackError
from lbstudy.stack.ports import HOST, Ports

# Links to folders of the repository; a wheel contains the files themselves.
_FILES = Path(__file__).with_name("files")

Storage = Literal["memory", "badger"]

PROMETHEUS_FLAGS = (
    "--web.enable-otlp-receiver",
    "--enable-feature=exemplar-storage",
    "--query.lookback-delta=5s",  # a removed pod disappears from queries after 5 s
)


@dataclass(frozen=True, slots=True)
class StackPart:
    """One program."""

    name: str
    binaries: Sequence[str]  # possible names on PATH; the first that exists is used
    arguments: Sequence[str]
    health: str  # a URL that answers 200 when the part is ready
    listens: Sequence[int]
    endpoints: dict[str, str]  # for people: what it is → address
    environment: dict[str, str] = field(default_factory=dict)
    folders: Sequence[Path] = ()  # to be made before it is started
    optional: bool = False  # the stack starts without it if it is missing


def configuration_folder() -> Path:
    """Return the folder that holds otel-collector/, jaeger/, prometheus/ and grafana/.

    Raises:
        StackError: they are missing, for example because links could not be checked out.
    """
    if not (_FILES / "otel-collector" / "config.yaml").is_file():
        raise StackError(f"no configuration of the stack in {_FILES}")
    return _FILES


def parts(ports: Ports, files: Path, data: Path, storage: Storage = "memory") -> list[StackPart]:
    """Describe all parts, in the order in which they are started.

    Args:
        ports: their ports on 127.0.0.1.
        files: the configuration, see ``configuration_folder``.
        data: the folder for their data.
        storage: where Jaeger keeps spans.
    """
    return [
        _prometheus(ports, files, data),
        _jaeger(ports, files, data, storage),
        _collector(ports, files, data),
        _grafana(ports, files, data),
    ]


def _prometheus(ports: Ports, files: Path, data: Path) -> StackPart:
    folder = data / "prometheus"
    url = f"http://{HOST}:{ports.prometheus}"
    return StackPart(
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


def _jaeger(ports: Ports, files: Path, data: Path, storage: Storage) -> StackPart:
    folder = data / "jaeger"
    configs = [files / "jaeger" / "config.yaml"]
    if storage == "badger":
        configs.append(files / "jaeger" / "config-badger.yaml")
    return StackPart(
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


def _collector(ports: Ports, files: Path, data: Path) -> StackPart:
    folder = data / "otelcol-queue"
    return StackPart(
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


def _grafana(ports: Ports, files: Path, data: Path) -> StackPart:
    folder = data / "grafana"
    url = f"http://{HOST}:{ports.grafana}"
    return StackPart(
        name="grafana",
        binaries=("grafana",),
        # {home} is the folder of its installation, as Grafana does not find its web pages itself.
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
            # it listens on loopback only, so whoever is on this machine may look
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        },
        folders=(folder,),
        optional=True,
    )


def _environment(ports: Ports) -> dict[str, str]:
    """Return the environment variables that the configuration files read."""
    return ports.environment() | {
        "LBSTUDY_LISTEN": HOST,
        "LBSTUDY_JAEGER_OTLP": f"{HOST}:{ports.jaeger_otlp}",
        "LBSTUDY_PROMETHEUS": f"http://{HOST}:{ports.prometheus}",
    }
