"""Certificates of an encrypted run in a cluster: a Secret for each workload, where its pods find it. Pure.

A kubelet's probes of gRPC speak no TLS, so servers answer them on a port of its own, which has the health
service only.
"""

from typing import Final

from lbstudy.platform.authority import Signed
from lbstudy.platform.interface import Tls
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.programs import Certificates

HEALTH_PORT: Final = 50052
_FOLDER: Final = "/run/lbstudy-tls"
_CA, _CERTIFICATE, _KEY = "ca.pem", "certificate.pem", "key.pem"
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def server_names(deployment: str, namespace: str) -> list[str]:
    """The names by which clients may call a setting's servers."""
    return [deployment, f"{deployment}.{namespace}", f"{deployment}.{namespace}.svc.cluster.local"]


def secret(workload: str, signed: Signed, owner: Owner) -> Object:
    """The Secret of a workload's pods, which is deleted with the run."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": owner.metadata(_name(workload), workload),
        "immutable": True,
        "stringData": {
            _CA: signed.ca.decode(),
            _CERTIFICATE: signed.certificate.decode(),
            _KEY: signed.key.decode(),
        },
    }


def certificates(tls: Tls | None) -> Certificates | None:
    """Where a pod's program finds its files; None: connections are plain text."""
    if tls is None:
        return None
    return Certificates(
        f"{_FOLDER}/{_CA}", f"{_FOLDER}/{_CERTIFICATE}", f"{_FOLDER}/{_KEY}", clients=tls.clients
    )


def mount(pod: Object, container: Object, workload: str) -> None:
    """Let a pod's container have the files of its workload; readable by the pod's fsGroup."""
    volume = {"name": "lbstudy-tls", "secret": {"secretName": _name(workload), "defaultMode": 0o440}}
    pod["spec"]["volumes"] = [*(pod["spec"].get("volumes") or ()), volume]
    mounted = {"name": "lbstudy-tls", "mountPath": _FOLDER, "readOnly": True}
    container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mounted]


def probe_in_plain_text(container: Object) -> None:
    """Point probes of gRPC at the port that speaks no TLS."""
    for name in _PROBES:
        if "grpc" in (container.get(name) or {}):
            container[name]["grpc"]["port"] = HEALTH_PORT


def _name(workload: str) -> str:
    return f"{workload}-tls"
