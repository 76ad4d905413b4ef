"""The run's objects, from the applied Deployments' pod templates."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from lbstudy.config import load_subject
from lbstudy.platform.authority import RunAuthority
from lbstudy.platform.interface import ClientSpec, PlatformError, Probe, ServerSpec, Tls
from lbstudy.platform.kubernetes import encryption, names, objects
from lbstudy.platform.kubernetes.names import Owner
from lbstudy.platform.kubernetes.templates import container_name
from lbstudy.run.specs import client_program, server_program

OWNER = Owner("lbstudy-run", "uid-of-the-lease", "20261124-190000-scale-abcdef")
ATTRIBUTES = (
    "service.namespace=lbstudy,k8s.pod.name=$(POD_NAME),lbstudy.run.id=live,k8s.node.name=$(NODE_NAME)"
)


def applied(container: str, **more: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "greeter", "uid": "of the applied one"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {names.WORKLOAD: "greeter", "app.kubernetes.io/name": "greeter"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {names.WORKLOAD: "greeter", "app.kubernetes.io/component": "server"}},
                "spec": {
                    "terminationGracePeriodSeconds": 12,
                    "securityContext": {"runAsNonRoot": True},
                    "containers": [
                        {
                            "name": container,
                            "image": "lbstudy:dev",
                            "args": ["--address=0.0.0.0:50051"],
                            "env": [
                                {
                                    "name": "POD_NAME",
                                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
                                },
                                {
                                    "name": "NODE_NAME",
                                    "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}},
                                },
                                {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": ATTRIBUTES},
                                {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4317"},
                            ],
                            "readinessProbe": {"grpc": {"port": 50051}, "periodSeconds": 7},
                        }
                    ],
                },
            },
        },
    } | more


def server(**more: object) -> ServerSpec:
    values: dict[str, Any] = {
        "name": "greeter-stock",
        "replicas": 3,
        "work": 0.02,
        "drain_wait": 1.0,
        "drain_grace": 5.0,
        "program": server_program(load_subject()),
        "env": {
            "OTEL_RESOURCE_ATTRIBUTES": "lbstudy.run.id=this,lbstudy.setting=stock",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_SERVICE_NAME": "greeter-server",
        },
    }
    return ServerSpec(**(values | more))


def client() -> ClientSpec:
    env = {"OTEL_SERVICE_NAME": "c"}
    program = client_program(load_subject())
    return ClientSpec("client-stock", "greeter-stock", 2, 30, 5, 1e9, 80, env=env, program=program)


def container_of(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["spec"]["template"]["spec"]["containers"][0]
    return found


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_the_deployment_has_the_templates_pod_and_the_runs_arguments() -> None:
    template = applied("server")
    before = copy.deepcopy(template)

    made = objects.deployment(template, server(), OWNER)

    assert template == before
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["strategy"] == template["spec"]["strategy"]
    pod = made["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True}
    container = container_of(made)
    assert container["image"] == "lbstudy:dev"
    assert container["command"][-1] == "greeter.server"
    assert container["args"][:2] == ["--address", "0.0.0.0:50051"]
    assert "--control-address" not in container["args"]


def test_its_pods_are_not_those_of_the_applied_service() -> None:
    made = objects.deployment(applied("server"), server(), OWNER)
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels[names.WORKLOAD] == "greeter-stock"
    assert labels["app.kubernetes.io/component"] == "server"  # network policies go by it
    selector = made["spec"]["selector"]["matchLabels"]
    assert selector.items() <= labels.items()
    assert objects.service(server(), OWNER)["spec"]["selector"] == selector
    assert objects.service(server(), OWNER)["spec"]["clusterIP"] == "None"


def test_everything_belongs_to_the_lease() -> None:
    made = [
        objects.deployment(applied("server"), server(), OWNER),
        objects.service(server(), OWNER),
        objects.job(applied("client"), client(), OWNER),
        objects.observer(applied("client"), "pass", ["greeter-stock"], OWNER),
    ]
    for one in made:
        (owner,) = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Lease", OWNER.uid)
        assert one["metadata"]["labels"][names.RUN] == OWNER.run_id


def test_a_pod_has_time_to_drain() -> None:
    def grace(**more: object) -> int:
        made = objects.deployment(applied("server"), server(**more), OWNER)
        return int(made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])

    assert grace() == 16
    assert grace(drain_wait=0, drain_grace=0) == 12
    assert grace(drain_wait=20, drain_grace=60) == 90


def test_the_scenarios_probe_replaces_the_templates_times() -> None:
    made = objects.deployment(applied("server"), server(probe=Probe(2, 3, 4)), OWNER)
    assert container_of(made)["readinessProbe"] == {
        "grpc": {"port": 50051},
        "periodSeconds": 2,
        "timeoutSeconds": 3,
        "failureThreshold": 4,
    }


def test_the_control_service_listens_on_the_pods_loopback_only() -> None:
    args = container_of(objects.deployment(applied("server"), server(control=True), OWNER))["args"]
    assert args[args.index("--control-address") + 1] == "127.0.0.1:50052"


def test_variables_of_both_and_where_telemetry_goes_stays() -> None:
    container = container_of(objects.deployment(applied("server"), server(), OWNER))
    found = variables(container)
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4317"
    assert found["OTEL_RESOURCE_ATTRIBUTES"] == (
        "service.namespace=lbstudy,k8s.pod.name=$(POD_NAME),lbstudy.run.id=this,k8s.node.name=$(NODE_NAME),"
        "lbstudy.setting=stock"
    )
    order = list(found)
    # Kubernetes expands references to variables that come before.
    for name in ("POD_NAME", "POD_NAMESPACE", "NODE_NAME"):
        assert order.index(name) < order.index("OTEL_RESOURCE_ATTRIBUTES")
    assert len(order) == len(container["env"])


def test_the_job_runs_once_and_finds_the_service_by_the_search_list() -> None:
    made = objects.job(applied("client"), client(), OWNER)
    assert made["spec"]["backoffLimit"] == 0
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    args = container_of(made)["args"]
    assert args[args.index("--target") + 1] == "dns:///greeter-stock:50051"
    assert "readinessProbe" not in container_of(made)


def test_one_container_of_another_name_is_meant() -> None:
    assert container_name(applied("main"), "server") == "main"
    several = applied("main")
    several["spec"]["template"]["spec"]["containers"].append({"name": "sidecar"})
    with pytest.raises(PlatformError, match="no container named 'server'; it has main, sidecar"):
        container_name(several, "server")


def test_a_runs_servers_spread_by_their_own_labels() -> None:
    """Those of the applied Deployment would count its pods."""
    template = applied("server")
    selector = {"labelSelector": {"matchLabels": {names.WORKLOAD: "greeter"}}, "maxSkew": 1}
    template["spec"]["template"]["spec"]["topologySpreadConstraints"] = [selector]
    made = objects.deployment(template, server(), OWNER)
    (spread,) = made["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == made["spec"]["selector"]
    assert spread["maxSkew"] == 1


def test_a_servers_last_line_is_its_termination_message() -> None:
    (container,) = objects.deployment(applied("server"), server(), OWNER)["spec"]["template"]["spec"][
        "containers"
    ]
    assert f"--last-words={container['terminationMessagePath']}" in container["args"]


def test_an_encrypted_run_has_its_certificates_in_secrets_that_go_with_it() -> None:
    tls = Tls("ec", clients=True)
    signed = RunAuthority().sign("greeter-stock", tls, encryption.server_names("greeter-stock", "shop"))
    made = encryption.secret("greeter-stock", signed, OWNER)

    assert made["metadata"]["name"] == "greeter-stock-tls"
    assert [one["uid"] for one in made["metadata"]["ownerReferences"]] == [OWNER.uid]
    certificate = x509.load_pem_x509_certificate(made["stringData"]["certificate.pem"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "greeter-stock",
        "greeter-stock.shop",
        "greeter-stock.shop.svc.cluster.local",
    ]
    assert signed.key.decode() not in repr(signed)


def test_the_programs_of_an_encrypted_run_have_their_files_and_servers_are_probed_in_plain_text() -> None:
    tls = Tls("ec", clients=True)
    servers = objects.deployment(applied("server"), server(tls=tls), OWNER)
    clients = objects.job(applied("client"), replace(client(), tls=tls), OWNER)

    for made, workload in ((servers, "greeter-stock"), (clients, "client-stock")):
        (volume,) = made["spec"]["template"]["spec"]["volumes"]
        assert volume["secret"] == {"secretName": f"{workload}-tls", "defaultMode": 0o440}
        (mounted,) = container_of(made)["volumeMounts"]
        assert (mounted["name"], mounted["readOnly"]) == (volume["name"], True)
        args = container_of(made)["args"]
        for option, file in (("ca", "ca"), ("certificate", "certificate"), ("key", "key")):
            assert args[args.index(f"--tls-{option}") + 1] == f"{mounted['mountPath']}/{file}.pem"
    args = container_of(servers)["args"]
    port = container_of(servers)["readinessProbe"]["grpc"]["port"]
    assert args[args.index("--health-address") + 1] == f"0.0.0.0:{port}"
    assert port != 50051


def test_without_tls_there_is_no_secret_and_the_probe_stays_where_it_is() -> None:
    made = objects.deployment(applied("server"), server(), OWNER)
    assert "volumes" not in made["spec"]["template"]["spec"]
    assert container_of(made)["readinessProbe"]["grpc"]["port"] == 50051
    assert not [arg for arg in container_of(made)["args"] if "tls" in arg or "health" in arg]


def test_servers_that_no_probe_could_ask_are_refused() -> None:
    program = replace(server_program(load_subject()), command=("serve", "{tls_certificate}"))
    with pytest.raises(PlatformError, match=r"has no \{health_address\}"):
        objects.deployment(applied("server"), server(tls=Tls(), program=program), OWNER)
