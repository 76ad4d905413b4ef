"""By the real Prometheus, without a run: a server that nobody calls is named, one that is called is not."""

from tests.stack.own_service import EVERY, OwnService

LANE = {"namespace": "shop", "service": "orders"}


def servers(alerts: list[dict[str, str]], name: str) -> set[str | None]:
    return {one.get("server_k8s_pod_name") for one in alerts if one["alertname"] == name}


def test_the_alert_fires_for_the_uncalled_server(own_service: OwnService) -> None:
    alerts = own_service.seen["uncalled"]

    assert servers(alerts, "ReadyServerWithoutTraffic") == {"orders-b"}
    (alert,) = (one for one in alerts if one["alertname"] == "ReadyServerWithoutTraffic")
    assert alert["severity"] == "warning"
    assert LANE.items() <= alert.items()
    # Of this one nothing is known: it may be called, by clients that tell nothing.
    assert servers(alerts, "ReadyServerWithoutTelemetry") == {"orders-c"}


def test_the_client_that_has_not_resolved_is_named(own_service: OwnService) -> None:
    stale = "ResolverUpdateOlderThanLastChange"
    alerts = [one for one in own_service.seen["uncalled"] if one["alertname"] == stale]

    assert {(one["k8s_namespace_name"], one["k8s_pod_name"]) for one in alerts} == {("web", "checkout-1")}
    assert all(LANE.items() <= one.items() for one in alerts)


def test_it_never_fired_for_the_called_server(own_service: OwnService) -> None:
    found = own_service.query('ALERTS{alertname=~"ReadyServerWithout.*",alertstate="firing"}[10m]')

    assert {one["metric"]["server_k8s_pod_name"] for one in found} == {"orders-b", "orders-c"}
    assert own_service.query('count_over_time(server:rpc_answered:rate{server_k8s_pod_name="orders-a"}[10m])')


def test_it_is_gone_once_the_server_is_called(own_service: OwnService) -> None:
    alerts = own_service.seen["called"]

    assert not servers(alerts, "ReadyServerWithoutTraffic")
    assert not servers(alerts, "ReadyServerWithoutTelemetry")  # the pod is deleted


def test_how_long_it_took_to_discover_it(own_service: OwnService) -> None:
    """From the instant that Kubernetes tells to the export after the first RPC, by the server's own clock."""
    discovery = 'server:time_to_discovery:seconds{server_k8s_pod_name="orders-b"}'
    (found,) = own_service.query(f"last_over_time({discovery}[10m])")
    real = own_service.called_at - own_service.ready_at

    exports = own_service.query('grpc_lb_server_inactivity_age_seconds{k8s_pod_name="orders-b"}[10m]')
    told = [at for at, _ in exports[0]["values"]]
    # The first export after the call is the earliest that can tell; no sooner than the call itself.
    first = min(at for at in told if at >= own_service.called_at)
    assert real <= float(found["value"][1]) <= first - own_service.ready_at + 2 * EVERY


def test_readiness_holds_between_two_scrapes(own_service: OwnService) -> None:
    """Prometheus forgets after 5 s, and scrapes each 6 s: were nothing held, each sixth look would fail."""
    begin, end = own_service.ready_at, own_service.found_at
    looks = f"[{int(end - begin)}s] @ {end:.3f}"
    (held,) = own_service.query(f'count_over_time(server:ready{{server_k8s_pod_name="orders-a"}}{looks})')
    (all_looks,) = own_service.query(f"count_over_time(lane:readiness:observed{looks})")

    # The two rules are of one group, and evaluated as often.
    assert abs(float(held["value"][1]) - float(all_looks["value"][1])) <= 1


def test_no_rule_failed(own_service: OwnService) -> None:
    """A join that finds two where it may find one fails its rule; only the log tells, and for that time."""
    assert "rule failed" not in own_service.stack.log("prometheus").read_text().lower()
