"""RPCs as the client's histogram counted them."""

import json

from lbstudy.store.database import RunStore
from lbstudy.store.rows import MetricRow
from lbstudy.store.tables import metered


def point(
    count: int, server: str | None, code: str, *, at: int = 1, start: int = 0, **others: object
) -> MetricRow:
    told = {"rpc.method": "greeter.v1.GreeterService/SayHello", "rpc.status_code": code}
    fields: dict[str, object] = {
        **dict.fromkeys(MetricRow._fields),
        "name": "rpc.client.call.duration",
        "kind": "histogram",
        "unit": "s",
        "start_unix_nano": start,
        "time_unix_nano": at,
        "service": "greeter-client",
        "setting": "stock",
        "resource": 1,
        "scope": "",
        "attributes": json.dumps(told | ({"server.k8s.pod.name": server} if server else {})),
        "cumulative": True,
        "count_": count,
        **others,
    }
    return MetricRow(**fields)  # type: ignore[arg-type]  # MetricRow's own fields


def test_the_last_value_counts_and_that_of_each_start(store: RunStore) -> None:
    store.add_telemetry(
        metrics=[
            point(3, "a", "OK", at=1),
            point(7, "a", "OK", at=2),
            point(2, "a", "OK", at=3, start=3),  # the client began anew
            point(1, None, "UNAVAILABLE", at=2),
            point(9, "a", "OK", setting="other"),
            point(9, "a", "OK", attributes='{"rpc.method":"grpc.health.v1.Health/Check"}'),
            point(9, "a", "OK", name="rpc.server.call.duration"),
        ]
    )

    assert metered(store, "stock") == {("a", "OK"): 9, ("", "UNAVAILABLE"): 1}


def test_runs_of_earlier_versions_name_the_code_otherwise(store: RunStore) -> None:
    earlier = {"rpc.response.status_code": "UNAVAILABLE", "server.k8s.pod.name": "a"}
    store.add_telemetry(metrics=[point(4, None, "", attributes=json.dumps(earlier))])

    assert metered(store, "stock") == {("a", "UNAVAILABLE"): 4}


def test_without_a_histogram_nothing_is_said(store: RunStore) -> None:
    assert metered(store, "stock") is None
