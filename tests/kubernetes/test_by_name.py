"""What becomes of Deployments that are studied by name, and which of them are refused."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lbstudy.config import load_setting
from lbstudy.config.base import Origin
from lbstudy.config.error import ConfigError
from lbstudy.config.fault import AnyFault
from lbstudy.config.fault_kinds import FAULT_KINDS
from lbstudy.config.load import load_scenario, parse_document
from lbstudy.config.scenario import Scenario
from lbstudy.config.subject import Subject
from lbstudy.platform.kubernetes import copies, names, outside
from lbstudy.platform.kubernetes.names import Owner
from lbstudy.platform.kubernetes.sources import Named
from lbstudy.platform.kubernetes.workloads import Workloads, selected
from lbstudy.run import fit
from lbstudy.run.fit import not_applied, unfit
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_spec, server_spec
from lbstudy.venues.kubernetes import Kubernetes

from tests.kubernetes.named import checkout, orders, service, shop

OWNER = Owner("lbstudy-run", "uid-of-the-lease", "20261126-190000-scale-abcdef")
SUBJECT = Subject.of_deployments("orders", "checkout")


def plan() -> RunPlan:
    return RunPlan(
        load_scenario("scale"),
        [load_setting("stock")],
        Path("x"),
        OWNER.run_id,
        0,
        "",
        subject=SUBJECT,
        venue=Kubernetes(),
    )


def server(workloads: Workloads) -> dict[str, Any]:
    return copies.deployment(workloads, server_spec(plan(), load_setting("stock"), ""), OWNER, "lbstudy:dev")


def client(workloads: Workloads) -> dict[str, Any]:
    assert workloads.client is not None
    return copies.job(workloads, workloads.client, client_spec(plan(), load_setting("stock"), "", 1e9), OWNER)


def pod_of(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["spec"]["template"]
    return found


def variables(made: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in pod_of(made)["spec"]["containers"][0]["env"]}


def listed(workloads: Workloads) -> str:
    stock = load_setting("stock")
    specs = server_spec(plan(), stock, ""), client_spec(plan(), stock, "", 1e9)
    return "\n".join(copies.changes(workloads, *specs, OWNER))


def test_servers_are_as_they_were_applied() -> None:
    workloads = shop()
    before = copy.deepcopy(workloads)

    made = server(workloads)

    assert workloads == before
    assert made["metadata"]["name"] == "orders-stock"
    assert made["spec"]["replicas"] == 3
    was, now = orders()["spec"]["template"]["spec"], pod_of(made)["spec"]
    assert {**now, "containers": []} == {**was, "containers": []}
    was, now = was["containers"][0], now["containers"][0]
    assert {**now, "env": []} == {**was, "env": []}
    assert made["metadata"]["ownerReferences"][0]["uid"] == OWNER.uid


def test_no_service_and_no_selector_of_the_originals_finds_the_copies() -> None:
    services = service(), service("orders-internal", tier="back"), service("other", app="other")
    made = server(shop(services=services))
    labels = pod_of(made)["metadata"]["labels"]
    assert not [one for one in services if selected(one, made)]
    assert "app" not in labels
    assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[names.RUN] == OWNER.run_id
    # A label that selects nothing stays: network policies may go by it.
    assert pod_of(server(shop()))["metadata"]["labels"]["tier"] == "back"


def test_no_request_for_the_original_clients_reaches_a_copy() -> None:
    # Clients are servers to others: a shop's front page.
    front = checkout("orders:80")
    front["spec"]["template"]["metadata"]["labels"] |= {"tier": "front", "zone": "a"}
    to_front = service("front", tier="front")
    assert selected(to_front, front)
    made = client(shop(front, services=(service(), to_front)))
    assert not selected(to_front, made)
    assert pod_of(made)["metadata"]["labels"]["zone"] == "a"


def test_their_telemetry_is_known_by_its_resource_and_what_was_set_stays() -> None:
    found = variables(server(shop()))
    assert found["OTEL_SERVICE_NAME"] == "orders"
    assert found["DATABASE"] == "postgres://db/orders"
    attributes = dict(part.split("=", 1) for part in found["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    assert attributes["team"] == "shop"
    assert attributes["lbstudy.run.id"] == OWNER.run_id
    assert attributes["lbstudy.setting"] == "stock"
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel-collector:4317"

    elsewhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://mine:4317"}
    assert variables(client(shop(checkout("orders:80", env=elsewhere)))).items() >= elsewhere.items()
    by_http = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    found = variables(client(shop(checkout("orders:80", env=by_http))))
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel-collector:4318"


def test_the_service_is_headless_and_has_the_pods_port() -> None:
    made = copies.service(shop(), server_spec(plan(), load_setting("stock"), ""), OWNER)
    assert made["spec"]["clusterIP"] == "None"
    assert [port["port"] for port in made["spec"]["ports"]] == [9000]
    assert made["spec"]["selector"].items() <= pod_of(server(shop()))["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("orders:80", "orders-stock:9000"),
        ("--target=dns:///orders:80", "--target=dns:///orders-stock:9000"),
        ("http://orders:80/path", "http://orders-stock:9000/path"),
        ("orders.shop:80", "orders-stock.shop:9000"),
        ("orders.shop.svc.cluster.local:80", "orders-stock.shop.svc.cluster.local:9000"),
        ("orders.$(POD_NAMESPACE).svc:80,other:80", "orders-stock.$(POD_NAMESPACE).svc:9000,other:80"),
        ("orders:80,orders:80", "orders-stock:9000,orders-stock:9000"),
        ("orders:9000", "orders-stock:9000"),
        ('{"target": "orders:80"}', '{"target": "orders-stock:9000"}'),
    ],
)
def test_a_client_calls_the_copy_wherever_it_names_the_service(was: str, now: str) -> None:
    assert pod_of(client(shop(checkout(was))))["spec"]["containers"][0]["args"] == [now]
    assert variables(client(shop(checkout(env={"ADDRESS": was}))))["ADDRESS"] == now


@pytest.mark.parametrize(
    "text",
    [
        "orders",
        "--service=orders",
        "my-orders:80",
        "orders-db:80",
        "orders.other-namespace.svc:80",
        "x.orders:80",
        "orders:8080",
        "orders:800",
        "postgres://db/orders",
        "xds:///orders",
        "ORDERS:80",
    ],
)
def test_what_is_not_surely_the_service_stays(text: str) -> None:
    args = pod_of(client(shop(checkout("orders:80", text))))["spec"]["containers"][0]["args"]
    assert args == ["orders-stock:9000", text]
    (line,) = copies.obstacles(shop(checkout(text)))
    assert line == (
        "deployment/checkout does not name its servers where the run can see it: no command, argument or"
        " variable has orders:80; name the variable that holds it, with --target-env"
    )


def test_a_variable_that_was_named_may_hold_the_address_in_any_way() -> None:
    def held(client_: dict[str, Any], port: int = 80) -> str:
        workloads = shop(client_, services=(service(port=port),), target_env=("HOST",))
        assert copies.obstacles(workloads) == []
        return variables(client(workloads))["HOST"]

    assert held(checkout(env={"HOST": "orders"}), port=9000) == "orders-stock"
    assert held(checkout(env={"HOST": "gateway.example.com:443"})) == "orders-stock:9000"
    assert held(checkout()) == "orders-stock:9000"
    by_reference = checkout()
    reference = {"name": "HOST", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}
    by_reference["spec"]["template"]["spec"]["containers"][0]["env"].append(reference)
    assert held(by_reference) == "orders-stock:9000"


def test_a_name_without_its_port_is_refused_where_the_service_has_another_than_its_pods() -> None:
    named = checkout(env={"HOST": "orders.shop.svc"})
    (line,) = copies.obstacles(shop(named))
    assert line == (
        "deployment/checkout names the Service without its port, and the run's headless Service cannot lead"
        " one port to another (80 → 9000)"
    )
    assert copies.obstacles(shop(named, services=(service(port=9000),))) == []


def test_a_client_is_one_pod_that_keeps_its_command_and_probes() -> None:
    made = client(shop(checkout("orders:80", "--rate=5")))
    container = pod_of(made)["spec"]["containers"][0]
    assert container["args"] == ["orders-stock:9000", "--rate=5"]
    assert "livenessProbe" in container
    assert "command" not in container
    assert pod_of(made)["spec"]["restartPolicy"] == "Never"
    assert made["spec"]["backoffLimit"] == 0
    assert copies.grace(checkout("orders:80")) == 5


def test_all_that_differs_is_listed() -> None:
    text = listed(shop(checkout("--to=orders:80", env={"PEER": "orders.shop:80"})))
    for line in (
        "Deployment orders-stock, from deployment/orders; in its pods:",
        '  metadata.labels.app: "orders" is taken out',
        '  metadata.labels[lbstudy.run.id]: "20261126-190000-scale-abcdef" is added',
        '  spec.containers[app].env[OTEL_EXPORTER_OTLP_ENDPOINT]: "http://otel-collector:4317" is added',
        "Service orders-stock, headless, with port 9000; in place of Service orders (ClusterIP)",
        "Job client-stock, from deployment/checkout: one pod, which the run ends; in it:",
        '  spec.containers[checkout].args: ["--to=orders:80"] → ["--to=orders-stock:9000"]',
        '  spec.containers[checkout].env[PEER].value: "orders.shop:80" → "orders-stock.shop:9000"',
        '  spec.restartPolicy: "Never" is added',
    ):
        assert line in text.splitlines(), text
    assert "DATABASE" not in text
    assert "readinessProbe" not in text


CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "orders-data"}}


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        ({"volumes": [CLAIM]}, "its volume data is the PersistentVolumeClaim orders-data"),
        (
            {"volumes": [{"name": "disk", "gcePersistentDisk": {"pdName": "d"}}]},
            "its volume disk is one disk (gcePersistentDisk)",
        ),
        (
            {"containers": [{"name": "app", "ports": [{"containerPort": 9000, "hostPort": 9001}]}]},
            "its container app takes port 9001 of its node (hostPort)",
        ),
        ({"hostNetwork": True}, "it listens on its node's own network (hostNetwork)"),
    ],
)
def test_pods_that_cannot_run_twice_are_refused_in_one_line(pod: dict[str, Any], why: str) -> None:
    lines = copies.obstacles(shop(server=orders(**pod), services=(service(target=9000),)))
    assert lines == [f"deployment/orders cannot run twice: {why}"]


def test_pods_that_only_read_a_claim_can() -> None:
    read_only = {"name": "data", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}}
    assert copies.obstacles(shop(server=orders(volumes=[read_only]))) == []


def test_clients_are_looked_at_too() -> None:
    lines = copies.obstacles(shop(checkout("orders:80", volumes=[CLAIM])))
    assert lines == [
        "deployment/checkout cannot run twice: its volume data is the PersistentVolumeClaim orders-data"
    ]
    # One that listens nowhere may have its node's network.
    assert copies.obstacles(shop(checkout("orders:80", hostNetwork=True))) == []


def test_servers_without_a_service_are_refused() -> None:
    assert copies.obstacles(shop(services=())) == [
        "no Service of namespace shop selects the pods of deployment/orders"
    ]


def test_of_several_containers_one_has_to_be_meant() -> None:
    several = [{"name": "main", "ports": []}, {"name": "proxy"}]
    (line,) = copies.obstacles(shop(server=orders(containers=several), services=(service(target=9000),)))
    assert line.startswith("deployment/orders has the containers main, proxy, and none has its name")
    meant = orders(containers=several)
    meant["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "main"}
    assert copies.obstacles(shop(server=meant, services=(service(target=9000),))) == []


def test_what_they_cannot_take_is_told_by_name() -> None:
    setting, scenario = load_setting("max-age"), load_scenario("scale")
    found = {one.option: one.why for one in not_applied(scenario, setting, SUBJECT)}
    assert found["rate of the load"] == "deployment/checkout keeps its own command"
    assert found["duration of the load"] == "deployment/checkout keeps its own command"
    assert {f"[server] {key}" for key in setting.server} <= found.keys()
    assert found["[server] probe_* of the scenario"] == "deployment/orders keeps its own probes"


def test_xds_is_not_for_them() -> None:
    (line,) = unfit(SUBJECT, [load_setting("push")])
    assert line.startswith("setting push: deployment/checkout keeps its own target")


def test_faults_that_only_the_program_could_make_are_told_with_the_reason() -> None:
    found = {
        kind: fit._obstacle(fault, SUBJECT)
        for kind, options in OPTIONS.items()
        for fault in load_faults(f'kind = "{kind}"\n{options}')
    }
    assert found.keys() == FAULT_KINDS.keys()
    made = {kind for kind, why in found.items() if not why}
    assert made == {"stop", "kill", "not-ready", "flap", "slow-start"}
    assert made == outside.SIGNALS | outside.GATED
    assert all(why.startswith("deployment/orders: ") for why in found.values() if why)
    assert found["latency"] == (
        "deployment/orders: its program would have to make it itself, and has no control service of the"
        " study's"
    )
    # As it is told before the run.
    told = not_applied(load_scenario("compare"), load_setting("stock"), SUBJECT)
    assert [one.option for one in told if "[[fault]]" in one.option] == [
        "[[fault]] error UNAVAILABLE of all RPCs on 1 server"
    ]


OPTIONS = dict.fromkeys(FAULT_KINDS, "") | {
    "latency": "seconds = 1",
    "cpu": "cores = 1",
    "memory": "mebibytes = 1",
    "load-report": "cpu = 1",
    "flap": "period = 1",
    "slow-start": "seconds = 1",
    "dns-stale": "seconds = 1",
    "dns-late": "seconds = 1",
}


def load_faults(fault: str) -> list[AnyFault]:
    text = (
        'name = "x"\nduration = 9\n[load]\nclients = 1\nrate = 1\n[[step]]\nat = 0\nservers = 2\n'
        f"[[fault]]\nat = 1\n{fault}\n"
    )
    return list(parse_document(Scenario, Origin(Path("x"), text), "x").fault)


def faulty(*kinds: str, **pod: object) -> dict[str, Any]:
    spec = replace(server_spec(plan(), load_setting("stock"), ""), faults=frozenset(kinds))
    made = copies.deployment(shop(server=orders(**pod)), spec, OWNER, "lbstudy:dev")
    found: dict[str, Any] = pod_of(made)["spec"]
    return found


def test_signals_come_from_a_container_of_the_runs_own() -> None:
    for kind in outside.SIGNALS:
        spec = faulty(kind)
        assert spec["shareProcessNamespace"] is True
        assert [one["name"] for one in spec["containers"]] == ["app", outside.CONTAINER]
        assert spec["containers"][1]["image"] == "lbstudy:dev"
    # Its user is the servers'; where only their image tells that, root's, with the one right that it needs.
    assert faulty("kill")["containers"][1]["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": ["KILL"],
    }
    known = faulty("kill", securityContext={"runAsUser": 1000})["containers"][1]["securityContext"]
    assert (known["runAsUser"], known["runAsNonRoot"], known["capabilities"]) == (
        1000,
        True,
        {"drop": ["ALL"]},
    )
    own = {"name": "app", "securityContext": {"runAsUser": 7}, "ports": []}
    assert faulty("stop", containers=[own])["containers"][1]["securityContext"]["runAsUser"] == 7
    assert "shareProcessNamespace" not in faulty("stop", hostPID=True)


def test_readiness_is_taken_by_a_gate_and_copies_without_faults_have_neither() -> None:
    for kind in outside.GATED:
        spec = faulty(kind, readinessGates=[{"conditionType": "mesh"}])
        assert spec["readinessGates"] == [{"conditionType": "mesh"}, {"conditionType": outside.CONDITION}]
        assert len(spec["containers"]) == 1
    assert not {"readinessGates", "shareProcessNamespace"} & faulty().keys()
    assert len(faulty()["containers"]) == 1


def test_what_faults_need_is_listed() -> None:
    scenario, stock = load_scenario("hung-server"), load_setting("stock")
    run = replace(plan(), scenario=scenario)
    specs = server_spec(run, stock, ""), client_spec(run, stock, "", 1e9)
    assert specs[0].faults == {"stop"}
    text = "\n".join(copies.changes(shop(), *specs, OWNER))
    assert "spec.shareProcessNamespace: true is added" in text
    assert "<the image of deployment/client>" in text


def test_any_deployment_has_a_name_for_the_run() -> None:
    assert Subject.of_deployments("3-scale.very-long-name-of-a-service", "x").name == "s-3-scale-very-long"


CALLED = """
name = "orders"
[kubernetes]
server = "deployment/orders"
[call]
method = "orders.v1.Orders/Get"
"""


def called(text: str = CALLED) -> Subject:
    return parse_document(Subject, Origin(Path("orders.toml"), text), "orders.toml")


def test_options_and_a_file_make_the_same_subject() -> None:
    made = Subject.of_deployments("orders", "checkout", ["ORDERS_HOST", "OTHER"])
    assert made.toml.startswith('name = "orders"\n')
    assert called(made.toml).model_dump() == made.model_dump()
    assert made.kubernetes is not None
    assert (made.kubernetes.server, made.kubernetes.client) == ("orders", "checkout")
    assert made.kubernetes.target_env == ["ORDERS_HOST", "OTHER"]


def test_the_studys_client_calls_servers_that_are_named_alone() -> None:
    workloads = Workloads("shop", orders(), None, (service(),))
    assert copies.obstacles(workloads) == []
    setting, scenario = load_setting("min-interval"), load_scenario("scale")
    plan_ = replace(plan(), scenario=scenario, settings=[setting], subject=called())
    caller: dict[str, Any] = {
        "spec": {"template": {"spec": {"containers": [{"name": "client", "image": "lbstudy:dev"}]}}}
    }
    source = Named(workloads, caller)

    made = source.job(client_spec(plan_, setting, "", 1e9), OWNER, is_pushed=False)

    (container,) = pod_of(made)["spec"]["containers"]
    assert container["image"] == "lbstudy:dev"
    assert container["command"] == ["opentelemetry-instrument", "python", "-m", "caller"]
    args = container["args"]
    assert args[args.index("--target") + 1] == "dns:///orders-min-interval:9000"
    assert args[args.index("--method") + 1] == "orders.v1.Orders/Get"
    # What is set of channels is applied; what is the servers' own is not.
    assert setting.channel
    assert all(f"--channel-arg={key}={value}" in args for key, value in setting.channel.items())
    told = {one.who for one in not_applied(scenario, setting, called())}
    assert told == {"servers"}
    assert source.client_grace is None  # it ends by itself
    assert source.client_container == "client"
    specs = server_spec(plan_, setting, ""), client_spec(plan_, setting, "", 1e9)
    *_, line = copies.changes(workloads, *specs, OWNER)
    assert line == (
        "Job client-min-interval, from deployment/client: one pod, the study's client, which calls"
        " orders-min-interval:9000"
    )
    (line,) = unfit(called(), [load_setting("push")])
    assert line == (
        'setting push: deployment/orders keeps its own end, and discovery = "xds" needs servers that ask the'
        " control plane before they end"
    )


def test_of_several_ports_one_has_to_be_called() -> None:
    two = service(), service("metrics", 9100, 9100)

    def told(port: int | None) -> list[str]:
        return copies.obstacles(Workloads("shop", orders(), None, two, port=port))

    assert told(9000) == []
    (line,) = told(None)
    assert line == (
        "deployment/orders has the ports 9000, 9100: name the one that is called, by port in [kubernetes]"
    )
    (line,) = told(50051)
    assert "expected port in [kubernetes] to be one that a Service leads to (9000, 9100), found 50051" in line


KUBERNETES = CALLED.partition("[call]")[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KUBERNETES, "expected either client in [kubernetes] (a Deployment of yours) or [call]"),
        (CALLED.replace("[call]", 'client = "deployment/x"\n[call]'), "found both"),
        (CALLED.replace("deployment/orders", "orders"), 'expected deployment/NAME, found "orders"'),
        (CALLED.replace("deployment/orders", "statefulset/orders"), "expected deployment/NAME"),
        (CALLED.replace('"deployment/orders"', "7"), "kubernetes, server: expected deployment/NAME, found 7"),
        (CALLED + '[server]\ncommand = ["x"]\n', "expected either [server] (a program of yours) or"),
        (CALLED + '[client]\ncommand = ["x"]\n', "expected no [client] beside [kubernetes]"),
        (CALLED + 'protos = ["orders.proto"]\n', "asked by reflection"),
        (
            KUBERNETES + 'client = "deployment/x"\nport = 1\n',
            "expected port in [kubernetes] only with [call]",
        ),
        (CALLED.replace("[call]", 'target_env = ["A"]\n[call]'), "expected target_env in [kubernetes] only"),
        (
            KUBERNETES + 'client = "deployment/x"\ntarget_env = ["a-b"]\n',
            "kubernetes, target_env 1: expected",
        ),
        (KUBERNETES + "clients = 3\n", "kubernetes, clients: unknown key; did you mean client?"),
        ('name = "x"\n[call]\nmethod = "a.B/C"\n', "expected either [server] (a program of yours) or"),
    ],
)
def test_bad_files_are_told_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as told:
        called(text)
    assert why in str(told.value)
    assert "\n" not in str(told.value)
