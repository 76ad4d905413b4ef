"""The overlays that encrypt OTLP and xDS, and the script that makes their certificates."""

import base64
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.manifests.rendered import ROOT, container, environment, find, need, pod, render

TLS = ("k8s/overlays/tls", "k8s/overlays/push-tls")
SCRIPT = ROOT / "k8s/components/tls/make-certificates"
FOLDER = "/etc/lbstudy-tls"


def mounted(objects: list[dict[str, Any]], name: str) -> list[str] | None:
    """The files of the Secret that a Deployment's pods see; None: all of them."""
    (volume,) = (one for one in pod(find(objects, "Deployment", name))["volumes"] if one["name"] == "tls")
    assert volume["secret"]["secretName"] == "lbstudy-tls"
    (mount,) = (one for one in container(objects, name)["volumeMounts"] if one["name"] == "tls")
    assert (mount["mountPath"], mount["readOnly"]) == (FOLDER, True)
    items = volume["secret"].get("items")
    return None if items is None else [one["path"] for one in items]


@pytest.mark.parametrize("overlay", TLS)
def test_pods_send_telemetry_over_tls_and_have_no_key(overlay: str) -> None:
    objects = render(overlay)
    for name in ("greeter", "client", *(["push"] if "push" in overlay else [])):
        variables = environment(objects, name)
        assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://otel-collector:4317"
        assert variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] == f"{FOLDER}/ca.crt"
        if name != "push":
            assert mounted(objects, name) == ["ca.crt"]
    assert mounted(objects, "otel-collector") is None


@pytest.mark.parametrize("overlay", TLS)
def test_the_collector_takes_plain_text_on_its_loopback_only(overlay: str, tmp_path: Path) -> None:
    objects = render(overlay)
    args = container(objects, "otel-collector")["args"]
    assert args[-2:] == ["--config", "/etc/otelcol/config-tls.yaml"]
    files = find(objects, "ConfigMap", "otel-collector")["data"]
    laid = yaml.safe_load(files["config-tls.yaml"])
    plain, encrypted = laid["receivers"]["otlp"]["protocols"], laid["receivers"]["otlp/tls"]["protocols"]
    for protocol in ("grpc", "http"):
        assert plain[protocol]["endpoint"].startswith("127.0.0.1:")
        assert encrypted[protocol]["endpoint"].startswith("${env:POD_IP}:")
        assert encrypted[protocol]["tls"] == {
            "cert_file": f"{FOLDER}/tls.crt",
            "key_file": f"{FOLDER}/tls.key",
        }
    assert {tuple(one["receivers"]) for one in laid["service"]["pipelines"].values()} == {
        ("otlp", "otlp/tls")
    }

    binary = shutil.which("otelcol-contrib") or shutil.which("otelcol")
    need(binary, "not on PATH: otelcol-contrib")
    assert binary is not None
    command = [binary, "validate"]
    for name in ("config.yaml", "config-tls.yaml"):
        (tmp_path / name).write_text(files[name])
        command += ["--config", str(tmp_path / name)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"POD_IP": "127.0.0.1", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


def test_xds_is_encrypted_for_clients_and_for_servers_that_end() -> None:
    objects = render("k8s/overlays/push-tls")
    push = container(objects, "push")
    assert {f"--tls-certificate={FOLDER}/tls.crt", f"--tls-key={FOLDER}/tls.key"} <= set(push["args"])
    probed = {push[probe]["grpc"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert [f"--health-address=0.0.0.0:{port}" for port in probed] == [push["args"][-1]]
    client = container(objects, "client")["env"]
    names = [one["name"] for one in client]
    assert names[-1] == "GRPC_XDS_BOOTSTRAP_CONFIG"  # it refers to those before it
    (server,) = json.loads(client[-1]["value"])["xds_servers"]
    assert server["channel_creds"] == [{"type": "tls", "config": {"ca_certificate_file": f"{FOLDER}/ca.crt"}}]
    hook = container(objects, "greeter")["lifecycle"]["preStop"]["exec"]["command"]
    assert hook[-1] == f"--tls-ca={FOLDER}/ca.crt"


def test_without_the_components_nothing_is_encrypted() -> None:
    for overlay in ("k8s", "k8s/overlays/push"):
        assert "lbstudy-tls" not in json.dumps(render(overlay))


def test_the_script_makes_a_certificate_for_every_service_that_is_encrypted(tmp_path: Path) -> None:
    need(shutil.which("openssl"), "not on PATH: openssl")
    done = subprocess.run([SCRIPT, "shop"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    secret = yaml.safe_load(done.stdout)
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("lbstudy-tls", "shop")
    for name, content in secret["data"].items():
        (tmp_path / name).write_bytes(base64.b64decode(content))
    names = ["otel-collector", "push.shop.svc.cluster.local", "push-replicas"]
    assert [name for name in names if not trusted(tmp_path, name)] == []
    assert not trusted(tmp_path, "otel-collector.other")


def trusted(folder: Path, name: str) -> bool:
    """Whether a client that trusts the authority takes the certificate for a host, by Python's ssl."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname=name)
    theirs = server.wrap_bio(there, back, server_side=True)
    for _ in range(6):  # flights of a handshake
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return True


@pytest.mark.parametrize("namespace", ["", "Not a name", "-x"])
def test_a_name_that_is_no_namespace_gets_one_line(namespace: str) -> None:
    done = subprocess.run([SCRIPT, namespace], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: make-certificates NAMESPACE\n"
