from lbstudy.platform.local.environment import base_environment, pod_environment


def test_references_are_expanded_as_kubernetes_does() -> None:
    env = pod_environment(
        {"PATH": "/bin"},
        {"POD_NAME": "pod-a", "POD_NAMESPACE": "lbstudy"},
        {
            "INSTANCE": "$(POD_NAMESPACE).$(POD_NAME)",
            "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=$(INSTANCE),k8s.pod.name=$(POD_NAME)",
            "LATER": "$(AFTER) $(PATH)",  # not defined before it, or not the pod's own: as they are
            "AFTER": "$$(POD_NAME) costs 5$",
        },
    )

    assert env == {
        "PATH": "/bin",
        "POD_NAME": "pod-a",
        "POD_NAMESPACE": "lbstudy",
        "INSTANCE": "lbstudy.pod-a",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=lbstudy.pod-a,k8s.pod.name=pod-a",
        "LATER": "$(AFTER) $(PATH)",
        "AFTER": "$(POD_NAME) costs 5$",
    }


def test_a_users_telemetry_and_grpc_settings_do_not_leak_in() -> None:
    environ = {"PATH": "/bin", "OTEL_TRACES_EXPORTER": "console", "GRPC_TRACE": "all", "http_proxy": "x"}

    assert base_environment(environ) == {"PATH": "/bin"}
