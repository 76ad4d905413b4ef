"""What `lbstudy run` and `doctor` say of a cluster that cannot be used: one clear line, and an exit code."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lbstudy.cli.main import run
from lbstudy.config import load_scenario
from lbstudy.run.plan import RunPlan

from tests.kubernetes.named import checkout, orders, service

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
    # k8s/ as it is makes the namespace lbstudy.
    assert "there is no namespace mine (apply k8s with an overlay that says namespace: mine" in line
    assert "there is no namespace lbstudy (kubectl apply -k k8s)" in refused(capfd)


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
    api.refused = {"create pods/exec", "get pods/exec", "watch pods", "create pods/eviction", "delete pods"}
    line = refused(capfd)
    told = "not allowed in namespace lbstudy: watch/delete pods, create pods/eviction, get/create pods/exec"
    assert told in line
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
    ],
)
def test_options_that_contradict_each_other(
    capfd: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert run(["run", *arguments]) == 2
    assert line in capfd.readouterr().err


def test_limits_of_a_rolling_update_are_the_deployments_own_on_a_cluster(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = load_scenario("rolling-update").toml + "max_surge = 2\n"
    (tmp_path / "mine.toml").write_text(text)

    assert run(["run", str(tmp_path / "mine.toml"), "--on", "kubernetes", "--dry-run"]) == 2
    assert (
        "[[replace]] max_surge: not on a cluster, where the Deployment's own limits apply"
        in capfd.readouterr().err
    )
    assert run(["run", str(tmp_path / "mine.toml"), "--dry-run"]) == 0


def test_a_dry_run_asks_nobody(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    assert run(["run", "evict", "--on", "kubernetes", "--dry-run"]) == 0
    out = capfd.readouterr().out
    assert "15 s  evict: 3 servers replaced by new ones" in out
    assert "On Kubernetes: namespace lbstudy of the kubeconfig's current context." in out


BY_NAME = ("--server", "deployment/orders", "--client", "deployment/checkout")


def apply_shop(api: Api, server: dict[str, Any], client: dict[str, Any]) -> None:
    for one in (server, client):
        api.answers[f"/apis/apps/v1/namespaces/lbstudy/deployments/{one['metadata']['name']}"] = (200, one)
    api.answers["/api/v1/namespaces/lbstudy/services"] = (200, {"items": [service(), SERVICE]})


def test_a_dry_run_by_name_lists_all_that_differs(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    apply_shop(api, orders(), checkout("--to=orders:80"))
    dry = ["run", "--on", "kubernetes", *BY_NAME, "--dry-run", "--setting", "stock"]
    assert run(dry) == 0
    told = capfd.readouterr()
    assert "Deployment orders-stock, from deployment/orders; in its pods:" in told.out
    assert 'spec.containers[checkout].args: ["--to=orders:80"] → ["--to=orders-stock:9000"]' in told.out
    assert "will not apply rate of the load: deployment/checkout keeps its own command" in told.out

    assert run([*dry, "--json"]) == 0
    copies = json.loads(capfd.readouterr().out)["copies"]
    assert '  spec.containers[checkout].args: ["--to=orders:80"] → ["--to=orders-stock:9000"]' in copies


def test_a_gate_by_name_is_planned_and_refuses_what_copies_cannot_show(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    apply_shop(api, orders(), checkout("--to=orders:80"))
    where = ["--on", "kubernetes", *BY_NAME, "--dry-run"]
    assert run(["gate", "nothing-lost", *where]) == 0
    told = capfd.readouterr()
    assert "clause 1: a rolling update loses no request (in rolling-update)" in told.out
    assert "On Kubernetes: namespace lbstudy" in told.out
    assert "rate of the load is not applied: deployment/checkout keeps its own command" in told.err

    assert run(["gate", "resilient", *where]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith(
        "resilient.toml: clause 2, failing-server: no run can show it: deployment/orders: its program would"
        " have to make it itself, and has no control service of the study's"
    )
    assert run(["gate", "nothing-lost", "-s", "stock", *where]) == 2
    assert "--setting does not go with --server and --client" in capfd.readouterr().err


def test_what_is_named_and_cannot_be_studied_is_refused_before_the_run(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    apply_shop(api, orders(hostNetwork=True), checkout("--nothing"))
    assert run(["run", "--on", "kubernetes", *BY_NAME]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "deployment/orders cannot run twice: it listens on its node's own network (hostNetwork)" in line
    assert "deployment/checkout does not name its servers where the run can see it" in line

    del api.answers["/apis/apps/v1/namespaces/lbstudy/deployments/checkout"]
    assert run(["run", "--on", "kubernetes", *BY_NAME]) == 1
    assert "there is no deployment/checkout in namespace lbstudy" in capfd.readouterr().err


def test_the_applied_greeter_is_not_needed_by_name(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    api.apply()
    apply_shop(api, orders(), checkout("--to=orders:80"))
    for name in ("greeter", "client"):
        del api.answers[f"/apis/apps/v1/namespaces/lbstudy/deployments/{name}"]
    line = refused(capfd, *BY_NAME)
    # The observer is a pod of the applied client's image.
    assert "there is no Deployment client" in line
    assert "greeter" not in line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (BY_NAME, "--server and --client go with --on kubernetes"),
        (("--on", "kubernetes", *BY_NAME[:2]), "--server and --client go together"),
        (
            ("--on", "kubernetes", *BY_NAME, "--subject", "go"),
            "--subject does not go with --server and --client",
        ),
        (("--target-env", "X"), "--target-env goes with --server and --client"),
        (("--on", "kubernetes", *BY_NAME, "--target-env", "a-b"), "expected the name of a variable"),
        (
            ("--on", "kubernetes", "--server", "statefulset/x", *BY_NAME[2:]),
            "--server statefulset/x: expected deployment/NAME",
        ),
    ],
)
def test_options_by_name_that_contradict_each_other(
    capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str
) -> None:
    assert run(["run", *arguments]) == 2
    assert line in capfd.readouterr().err


FILE = """
name = "orders"
description = "the shop's"
[kubernetes]
server = "deployment/orders"
client = "deployment/checkout"
"""


def test_a_file_does_what_the_options_do(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api, tmp_path: Path
) -> None:
    apply_shop(api, orders(), checkout("--to=orders:80"))
    (tmp_path / "orders.toml").write_text(FILE)
    plans = []
    for named in (BY_NAME, ("--subject", "./orders.toml")):
        assert run(["run", "--on", "kubernetes", *named, "--dry-run", "--json"]) == 0
        plan = json.loads(capfd.readouterr().out)
        assert [setting["name"] for setting in plan["settings"]] == ["stock"]
        assert plan["rpcs"] is None
        plans.append([line for line in plan["copies"] if "run.id" not in line])
    assert plans[0] == plans[1]
    assert '  spec.containers[checkout].args: ["--to=orders:80"] → ["--to=orders-stock:9000"]' in plans[0]


def test_a_comparison_by_name_lists_all_that_differs(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api
) -> None:
    apply_shop(api, orders(), checkout("--to=orders:80"))
    assert run(["compare", "--on", "kubernetes", *BY_NAME, "--dry-run"]) == 0
    out = capfd.readouterr().out
    assert "Settings: stock; at most 2 side by side" in out
    assert "Subjects: orders" in out
    assert "setting stock: client will not apply rate of the load" in out
    assert 'spec.containers[checkout].args: ["--to=orders:80"] → ["--to=orders-stock:9000"]' in out


def test_two_clients_of_the_same_servers_are_compared_side_by_side(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api, tmp_path: Path
) -> None:
    other = checkout("--to=orders:80", "--keepalive")
    other["metadata"]["name"] = "checkout-keepalive"
    apply_shop(api, orders(), checkout("--to=orders:80"))
    api.answers["/apis/apps/v1/namespaces/lbstudy/deployments/checkout-keepalive"] = (200, other)
    (tmp_path / "one.toml").write_text(FILE.replace('"orders"', '"one"'))
    (tmp_path / "two.toml").write_text(
        FILE.replace('"orders"', '"two"').replace("checkout", "checkout-keepalive")
    )
    both = ["--on", "kubernetes", "--subject", "./one.toml", "--subject", "./two.toml", "--dry-run", "--json"]
    assert run(["compare", *both]) == 0
    copies = json.loads(capfd.readouterr().out)["copies"]
    assert "Job client-one-stock, from deployment/checkout: one pod, which the run ends; in it:" in copies
    (line,) = [line for line in copies if "--keepalive" in line]
    assert line.endswith('["--to=two-stock:9000", "--keepalive"]')

    assert run(["run", *both]) == 0
    plan = json.loads(capfd.readouterr().out)
    assert [setting["subject"] for setting in plan["settings"]] == ["one", "two"]


def test_the_settings_of_channels_are_run_where_the_studys_client_calls(
    capfd: pytest.CaptureFixture[str], kubeconfig: Path, api: Api, tmp_path: Path
) -> None:
    apply_shop(api, orders(), checkout("--nothing"))  # a client that could not be copied is not looked at
    text = FILE.replace('client = "deployment/checkout"', '[call]\nmethod = "orders.v1.Orders/Get"')
    (tmp_path / "orders.toml").write_text(text)
    on = ["--on", "kubernetes", "--subject", "./orders.toml", "--dry-run", "--json"]
    assert run(["run", *on]) == 0
    plan = json.loads(capfd.readouterr().out)
    assert [setting["name"] for setting in plan["settings"]] == ["stock", "min-interval"]
    assert plan["rpcs"] > 0
    assert run(["compare", *on]) == 0
    compared = json.loads(capfd.readouterr().out)["settings"]
    assert compared == ["stock", "min-interval", "keepalive", "outlier-detection", "retries", "pick-first"]


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--subject", "by-name"), "subject by-name names Deployments of a cluster: --on kubernetes"),
        (("--on", "kubernetes", "--subject", "go"), "subject go: --on kubernetes runs Deployments, not the"),
        (
            ("--on", "kubernetes", "--subject", "greeter,by-name"),
            "greeter does not go with subjects that name Deployments",
        ),
        (("--on", "kubernetes", "--subject", "by-name", "-s", "push"), "deployment/client keeps its own"),
        (BY_NAME, "--server and --client go with --on kubernetes"),
    ],
)
def test_subjects_that_do_not_go_with_the_platform(
    capfd: pytest.CaptureFixture[str], command: str, arguments: tuple[str, ...], line: str
) -> None:
    assert run([command, *arguments, "--dry-run"]) == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert line in told


def test_an_interrupted_comparison_by_name_goes_on(
    capfd: pytest.CaptureFixture[str],
    kubeconfig: Path,
    api: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply_shop(api, orders(), checkout("--to=orders:80"))
    seen = []

    def interrupted(plan: RunPlan, *_: object) -> None:
        server = plan.workloads["orders"].server
        seen.append((plan.subject.name, plan.subject.toml, server, plan.venue.platform))
        raise KeyboardInterrupt

    monkeypatch.setattr("lbstudy.cli.compare.perform", interrupted)
    out = tmp_path / "comparison"
    assert run(["compare", "--on", "kubernetes", *BY_NAME, "--repeat", "1", "--out", str(out)]) == 130
    assert (out / "subjects" / "orders.toml").read_text() == seen[0][1]
    assert run(["compare", "--resume", str(out)]) == 130
    assert seen[0][:3] == seen[1][:3]
    assert seen[1][2]["spec"] == orders()["spec"]
    assert seen[1][3] == "kubernetes"
