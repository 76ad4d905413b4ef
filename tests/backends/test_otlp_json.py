"""OTLP's JSON as Jaeger writes it."""

import json
from collections.abc import Iterator

import pytest
from lbstudy.backends.metrics import rows, selector
from lbstudy.backends.otlp_json import traces_of
from lbstudy.backends.prometheus import Series
from lbstudy.backends.read import ahead
from lbstudy.store.resources import Resources

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "startTimeUnixNano": "1795450712232728832",
    "endTimeUnixNano": "1795450724232728833",
    "name": "x",
    "kind": 3,
    "status": {"code": 2, "message": "late"},
    "attributes": [
        {"key": "text", "value": {"stringValue": ""}},
        {"key": "whole", "value": {"intValue": "9007199254740993"}},
        {"key": "digits", "value": {"stringValue": "12"}},
        {"key": "double", "value": {"doubleValue": 0.5}},
        {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "truth", "value": {"boolValue": False}},
        {"key": "none", "value": {}},
        {"key": "empty", "value": {"arrayValue": {}}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "2"}}]}}},
        {"key": "bytes", "value": {"bytesValue": "AP8="}},
        {"key": "@jaeger@warnings", "value": {"arrayValue": {"values": [{"stringValue": "w"}]}}},
    ],
    "events": [{"name": "e", "timeUnixNano": "5", "attributes": []}],
    "links": [{"traceId": "c" * 32, "spanId": "d" * 16}],
    "unheardOf": 1,
}


def test_every_kind_of_value() -> None:
    body = {"result": {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [SPAN]}]}]}}

    (group,) = traces_of(json.dumps(body).encode())
    ((scope, span),) = group.spans()

    assert (scope, group.attributes, span.parent_span_id) == ("", {}, None)
    assert (span.start_unix_nano, span.end_unix_nano) == (1795450712232728832, 1795450724232728833)
    assert (span.kind, span.status, span.status_message) == (3, 2, "late")
    assert span.attributes == {
        "text": "",
        "whole": 9007199254740993,
        "digits": "12",
        "double": 0.5,
        "nan": None,
        "truth": False,
        "none": None,
        "empty": [],
        "list": ["a", 1],
        "map": {"k": 2},
        "bytes": "00ff",
    }
    assert span.events == [{"name": "e", "time_unix_nano": 5, "attributes": {}}]
    assert span.links == [{"trace_id": "c" * 32, "span_id": "d" * 16, "attributes": {}}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"result":{"resourceSpans":1}}', b"\xff"])
def test_what_is_none_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        traces_of(body)


def test_series_become_the_points_that_they_were() -> None:
    labels = {
        "__name__": "rpc_client_call_duration_seconds_count",
        "service_name": "greeter-client",
        "k8s_pod_name": "client-0",
        "lbstudy_run_id": "r",
        "lbstudy_setting": "stock",
        "rpc_status_code": "OK",
        "server_k8s_pod_name": "a",
        "job": "of no interest",
    }
    resources = Resources()
    series = Series(labels, [(1_000_000, 3.0), (2_000_000, float("nan"))])

    (resource, points), (again, _) = rows([series, series], resources)

    assert resource is not None
    assert again is None
    assert (resource.service, resource.pod, resource.setting, resource.run_id) == (
        "greeter-client",
        "client-0",
        "stock",
        "r",
    )
    (point,) = points
    assert (point.name, point.count_, point.value, point.cumulative) == (
        "rpc.client.call.duration",
        3,
        None,
        True,
    )
    assert json.loads(point.attributes) == {"rpc.status_code": "OK", "server.k8s.pod.name": "a"}


def test_a_series_of_an_earlier_version_keeps_its_code() -> None:
    labels = {"__name__": "rpc_client_call_duration_seconds_count", "rpc_response_status_code": "OK"}

    ((_, (point,)),) = rows([Series(labels, [(1_000_000, 3.0)])], Resources())

    assert json.loads(point.attributes) == {"rpc.response.status_code": "OK"}


def test_a_run_id_cannot_end_the_selector() -> None:
    assert selector('x"} or {').endswith('lbstudy_run_id="x\\"} or {"}')


def test_ahead_gives_the_same_items_and_the_error_where_it_comes() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("three")

    found: list[int] = []
    with pytest.raises(ValueError, match="three"):
        found.extend(ahead(items()))
    assert found == [1, 2]
