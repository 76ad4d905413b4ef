"""Turns a spec into a process: what the node is told for starting a pod."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lbstudy.config.repository import repository
from lbstudy.platform.interface import ClientSpec, ServerSpec, Tls
from lbstudy.platform.local.certificates import Authority
from lbstudy.platform.local.commands import server_start
from lbstudy.platform.local.environment import pod_environment
from lbstudy.platform.local.node.messages import Start, StartPod
from lbstudy.platform.local.probe import Secure
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.push import ControlPlanePod
from lbstudy.platform.program import Program
from lbstudy.platform.programs import (
    Certificates,
    PodPlace,
    StartTrouble,
    client_values,
    command,
    environment,
    server_values,
)
from lbstudy.platform.push import MODULE as PUSH_MODULE

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class ServersFound:
    """How a client pod finds its servers."""

    target: str  # the gRPC target
    name: str  # the name in DNS
    port: int  # the servers' port
    dns: str  # the DNS server that knows the name
    env: Mapping[str, str]  # variables that the target needs
    resolv_conf: str = ""  # the file that the pod sees as /etc/resolv.conf; "": the system's


class Starter:
    """Makes the node start pods.

    Args:
        run_dir: the folder with logs, and the folder in which pods run.
        namespace: the pods' namespace.
        base_env: what pods inherit of the study's own environment.
        proxies: what the programs under study inherit in addition.
        processes: the node.
    """

    def __init__(
        self,
        run_dir: Path,
        namespace: str,
        base_env: Mapping[str, str],
        proxies: Mapping[str, str],
        processes: Processes,
    ) -> None:
        self._run_dir = run_dir
        self._namespace = namespace
        self._base_env = base_env
        self._proxies = proxies
        self._processes = processes
        self._authority = Authority(run_dir / "tls")
        self._certificates: dict[str, Certificates] = {}  # by the Deployment of servers
        self._probes: dict[str, Secure] = {}  # by the Deployment of servers

    def certify(self, spec: ServerSpec, dns_name: str) -> None:
        """Issue the certificate of servers whose connections are encrypted."""
        if spec.tls is not None:
            self._certificates[spec.name] = self._authority.issue(spec.name, spec.tls, dns_name)
            own = self._authority.issue(f"probe-{spec.name}", Tls())
            ca, key, certificate = (Path(file).read_bytes() for file in (own.ca, own.key, own.certificate))
            self._probes[spec.name] = Secure(ca, key, certificate, dns_name)

    def secure(self, deployment: str) -> Secure | None:
        """Return what a probe needs to connect to these servers with TLS; None: they use plain text."""
        return self._probes.get(deployment)

    def close(self) -> None:
        """Delete certificates and keys."""
        self._authority.close()

    def log(self, pod: str, stream: str) -> Path:
        """Return the file of a pod's ``out`` or ``err``."""
        return self._run_dir / "logs" / f"{pod}.{stream}"

    def server(self, spec: ServerSpec, pod: str, host: str, trouble: StartTrouble) -> None:
        """Start a server pod on an address."""
        place = _place(pod, spec.env, self._certificates.get(spec.name))
        values = server_values(spec, place, host, host, trouble)
        env = {**self._proxies, **spec.env, **environment(spec.program, values)}
        self._run(pod, server_start(spec), spec.program, command(spec.program, values), env, host)

    def client(self, spec: ClientSpec, pod: str, servers: ServersFound) -> None:
        """Start a client pod."""
        own = None if spec.tls is None else self._authority.issue(spec.name, spec.tls)
        place = _place(pod, spec.env, own)
        values = client_values(spec, place, servers.target, servers.name, servers.port, servers.dns)
        env = {**self._proxies, **spec.env, **servers.env, **environment(spec.program, values)}
        started = command(spec.program, values)
        self._run(pod, Start.EXEC, spec.program, started, env, "127.0.0.1", servers.resolv_conf)

    def control_plane(self, control_plane: ControlPlanePod, pod: str) -> None:
        """Start a control plane's pod."""
        program = Program(("{python}", "-m", PUSH_MODULE), instrument=True)
        started = [sys.executable, "-m", PUSH_MODULE, *control_plane.args]
        self._run(pod, Start.EXEC, program, started, control_plane.spec.env, control_plane.address)

    def _run(
        self,
        pod: str,
        start: Start,
        program: Program,
        started: list[str],
        env: Mapping[str, str],
        ip: str,
        resolv_conf: str = "",
    ) -> None:
        downward = {"POD_NAME": pod, "POD_NAMESPACE": self._namespace, "POD_IP": ip}
        self._processes.run(
            StartPod(
                pod,
                start,
                started,
                pod_environment(self._base_env, downward, env),
                str(self.log(pod, "out")),
                str(self.log(pod, "err")),
                str(self._run_dir),
                program.instrument,
                resolv_conf,
            )
        )


def _place(pod: str, env: Mapping[str, str], certificates: Certificates | None) -> PodPlace:
    return PodPlace(
        pod,
        sys.executable,
        env.get(OTLP_ENDPOINT, ""),
        str(repository() or ""),
        certificates=certificates,
    )
