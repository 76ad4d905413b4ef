"""What the API tells as evidence: since when a pod is Ready, and how exactly that is known."""

from datetime import UTC, datetime

import msgspec
import pytest
from lbstudy.platform.kubernetes import wire
from lbstudy.watch.evidence import Instant, PodStage
from lbstudy.watch.translate import instant, pod_seen, ready_pods

SECOND = 1_800_000_000
STAMP = f"{datetime.fromtimestamp(SECOND, UTC):%Y-%m-%dT%H:%M:%S}Z"


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        (Instant(SECOND + 0.4), Instant(SECOND + 0.4, 0.4)),  # in that second: it was since its begin
        (Instant(SECOND + 0.4, 20.0), Instant(SECOND + 0.4, 0.4)),  # however long nobody watched
        (Instant(SECOND + 3_600.0), Instant(SECOND + 1.0, 1.0)),  # long ago: somewhere in that second
        (Instant(SECOND - 2.0, 0.1), Instant(SECOND - 2.0, 0.1)),  # the clocks contradict each other
    ],
)
def test_the_second_of_the_api_and_the_receipt_bound_each_other(receipt: Instant, expected: Instant) -> None:
    found = instant(STAMP, receipt)
    assert found.at == pytest.approx(expected.at)
    assert found.error == pytest.approx(expected.error)


def test_without_a_time_the_receipt_is_all_there_is() -> None:
    assert instant(None, Instant(5.0, 0.3)) == Instant(5.0, 0.3)


def a_pod(**status: object) -> wire.Pod:
    metadata = {
        "name": "orders-a",
        "uid": "1",
        "creationTimestamp": STAMP,
        "labels": {"pod-template-hash": "67f"},
    }
    told = {"podIP": "10.0.0.1", "phase": "Running", **status}
    return msgspec.convert({"metadata": metadata, "status": told}, wire.Pod)


def test_a_ready_pod() -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": STAMP}
    running = {"name": "app", "state": {"running": {"startedAt": STAMP}}}
    found = pod_seen(
        "shop/orders", a_pod(conditions=[condition], containerStatuses=[running]), Instant(SECOND + 0.5)
    )
    assert found is not None
    assert (found.ready, found.template, found.ip) == (Instant(SECOND + 0.5, 0.5), "67f", "10.0.0.1")
    assert [stage for stage, _ in found.stages] == [PodStage.CREATED, PodStage.STARTED]


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_pod_that_is_not_ready(status: str) -> None:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": STAMP}
    found = pod_seen("shop/orders", a_pod(conditions=[condition]), Instant(SECOND + 0.5))
    assert found is not None
    assert found.ready is None


def test_one_that_has_ended_is_none() -> None:
    assert pod_seen("shop/orders", a_pod(phase="Failed"), Instant(SECOND + 0.5)) is None


def test_an_endpoint_is_ready_unless_it_says_otherwise() -> None:
    made = msgspec.convert(
        {
            "metadata": {"name": "x"},
            "endpoints": [
                {"targetRef": {"name": "a"}},
                {"targetRef": {"name": "b"}, "conditions": {"ready": False}},
                {"addresses": ["10.0.0.3"]},
            ],
        },
        wire.EndpointSlice,
    )
    assert ready_pods([made]) == {"a"}
