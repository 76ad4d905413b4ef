"""What `lbstudy run` and `doctor` say of a cluster that cannot be used: one clear line, and an exit code."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lbstudy.cli.main import run

VERSION = {"gitVersion": "v1.34.4"}
TEMPLATE = {
    "metadata": {"name": "x"},
    "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/instance": "x"}},
        "template": {"spec": {"containers": [{"name": "only"}]}},
    },
}
READY = {
    "metadata": {"name": "part-1"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
SERVICE = {"metadata": {"name": "part"}, "spec": {"selector": {"app": "part"}}}
PARTS = ("otel-collector", "jaeger", "prometheus")


class Api:
    """An API whose answers a test sets: path → (status, body). What is not set is not found."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/version": (200, VERSION)}
        self.refused: set[str] = set()  # "verb resource" that the user may not
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                status, body = api.answers.get(path, (404, {"code": 404, "message": f"{path} not found"}))
                self._answer(status, body)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                asked = json.loads(self.rfile.read(length))["spec"]["resourceAttributes"]
                resource = f"{asked['resource']}/{asked.get('subresource', '')}".rstrip("/")
                is_allowed = f"{asked['verb']} {resource}" not in api.refused
                self._answer(201, {"status": {"allowed": is_allowed}})

            def _answer(self, status: int, body: object) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # all permissions are asked for at once

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def apply(self) -> None:
        """Have everything there that a run needs."""
        self.answers["/api/v1/namespaces/lbstudy"] = (200, {"metadata": {"name": "lbstudy"}})
        for name in ("greeter", "client"):
            self.answers[f"/apis/apps/v1/namespaces/lbstudy/deployments/{name}"] = (200, TEMPLATE)
        for name in PARTS:
            self.answers[f"/api/v1/namespaces/lbstudy/services/{name}"] = (200, SERVICE)
        self.answers["/api/v1/namespaces/lbstudy/pods"] = (200, {"items": [READY]})


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: Api) -> Path:
    path = tmp_path / "kubeconfig"
    write(path, api.url)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def write(path: Path, server: str) -> None:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    path.write_text(json.dumps(config))


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line of a run that ends with exit code 1 before it has begun."""
    assert run(["run", "--on", "kubernetes", "--plain", "--setting", "stock", *arguments]) == 1
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_no_kubeconfig(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    assert "set KUBECONFIG, or choose with --context" in refused(capfd)


def test_what_is_no_kubeconfig(capfd: pytest.CaptureFixture[str], kubeconfig: Path) -> None:
    kubeconfig.write_text("this: [is\nnot yaml")
    assert f"{kubeconfig}: is no kubeconfig" in refused(capfd)


def test_a_context_that_is_not_there(capfd: pytest.CaptureFixture[str], kubeconfig: Path) -> None:
    assert "context 'elsewhere' not found" in refused(capfd, "--context", "elsewhere")


def test_a_cluster_that_does_not_answer(capfd: pytest.CaptureFixture[str], kubeconfig: Path) -> None:
    write(kubeconfig, "http://127.0.0.1:1")
    line = refused(capfd)
    assert "http://127.0.0.1:1: the API cannot be reached" in line
    assert "is the cluster up" in line


def test_a_token_that_is_not_taken(capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api) -> None:
    api.answers["/version"] = (401, {"code": 401, "message": "Unauthorized"})
    assert "the API answered 401" in refused(capfd)


def test_a_namespace_that_is_not_there(capfd: pytest.CaptureFixture[str], kubeconfig: Path) -> None:
    line = refused(capfd, "--namespace", "mine")
    assert "there is no namespace mine (kubectl apply -k k8s)" in line


def test_everything_that_is_missing_is_told_at_once(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    api.apply()
    del api.answers["/apis/apps/v1/namespaces/lbstudy/deployments/greeter"]
    del api.answers["/api/v1/namespaces/lbstudy/services/jaeger"]
    assert "there is no Deployment greeter, there is no Service jaeger (kubectl apply -k k8s)" in refused(
        capfd
    )


def test_a_part_that_is_not_ready(capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api) -> None:
    api.apply()
    api.answers["/api/v1/namespaces/lbstudy/pods"] = (200, {"items": []})
    assert "no pod of Service prometheus is Ready" in refused(capfd)


def test_rights_that_are_lacking(capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api) -> None:
    api.apply()
    api.refused = {"create pods/exec", "get pods/exec", "watch pods"}
    line = refused(capfd)
    assert "not allowed in namespace lbstudy: watch pods, get/create pods/exec" in line
    assert "lbstudy-runner" in line


def test_a_template_that_would_be_selected_by_the_applied_service(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    api.apply()
    api.answers["/apis/apps/v1/namespaces/lbstudy/deployments/client"] = (
        200,
        {**TEMPLATE, "spec": {**TEMPLATE["spec"], "selector": {"matchLabels": {"app": "x"}}}},  # type: ignore[dict-item]
    )
    assert "Deployment client: its selector lacks the label app.kubernetes.io/instance" in refused(capfd)


def test_the_doctor_tells_what_is_there_and_what_is_not(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    api.apply()
    assert run(["doctor", "--on", "kubernetes", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)}
    assert checks["API"]["found"] == f"v1.34.4 at {api.url} (here)"
    assert {"namespace", "permissions", "Deployment greeter", "Service jaeger"} <= checks.keys()

    del api.answers["/api/v1/namespaces/lbstudy"]
    assert run(["doctor", "--on", "kubernetes"]) == 1
    out = capfd.readouterr().out
    assert "missing  namespace" in out
    assert "→ kubectl apply -k k8s" in out


def test_a_control_plane_is_asked_for_where_a_setting_needs_it(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    api.apply()
    line = refused(capfd, "--setting", "push")
    assert "there is no Deployment push (kubectl apply -k k8s/overlays/push)" in line

    assert run(["doctor", "--on", "kubernetes", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)}
    assert checks["Deployment push"]["status"] == "note"
    assert checks["Deployment push"]["advice"] == "kubectl apply -k k8s/overlays/push"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--namespace", "x"], "--context and --namespace go with --on kubernetes"),
        (
            ["--on", "kubernetes", "--otlp", "http://127.0.0.1:4317"],
            "--otlp does not go with --on kubernetes",
        ),
        (["rolling-update"], "[[replace]] how = rolling-update: only on Kubernetes: --on kubernetes"),
    ],
)
def test_options_that_contradict_each_other(
    capfd: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert run(["run", *arguments]) == 2
    assert line in capfd.readouterr().err


def test_a_dry_run_asks_nobody(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    assert run(["run", "evict", "--on", "kubernetes", "--dry-run"]) == 0
    out = capfd.readouterr().out
    assert "15 s  evict: 3 servers replaced by new ones" in out
    assert "On Kubernetes: namespace lbstudy of the kubeconfig's current context." in out
