"""EndpointSlices: what the conditions mean, several slices of a service, and the whole read anew."""

import pytest
from endpoint_push.endpoints import Endpoint
from endpoint_push.sources.slices import Slice, SliceEndpoint, Slices

GRPC = (("grpc", 50051),)


def entry(host: str, ready: bool | None = True, terminating: bool | None = False) -> SliceEndpoint:
    return SliceEndpoint((host,), ready, terminating)


def part(name: str, *endpoints: SliceEndpoint, ports: tuple[tuple[str, int], ...] = GRPC) -> Slice:
    return Slice(name, "greeter", endpoints, ports)


@pytest.mark.parametrize(
    ("ready", "terminating", "wanted"),
    [
        (True, False, True),
        (None, None, True),  # unknown counts as ready
        (True, None, True),
        (False, False, False),
        (False, True, False),
        (True, True, False),  # publishNotReadyAddresses
    ],
)
def test_conditions(ready: bool | None, terminating: bool | None, wanted: bool) -> None:
    slices = Slices("grpc")
    slices.put(part("a", entry("10.0.0.1", ready, terminating)))

    assert bool(slices.endpoints("greeter")) is wanted


def test_all_slices_of_a_service_count_and_an_endpoint_in_two_of_them_counts_once() -> None:
    slices = Slices("grpc")
    slices.put(part("a", entry("10.0.0.1"), entry("10.0.0.2")))
    slices.put(part("b", entry("10.0.0.2"), entry("10.0.0.3")))
    slices.put(Slice("c", "other", (entry("10.0.0.9"),), GRPC))

    assert {one.host for one in slices.endpoints("greeter")} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert slices.delete("a") == ["greeter"]
    assert {one.host for one in slices.endpoints("greeter")} == {"10.0.0.2", "10.0.0.3"}


def test_what_went_while_nobody_watched_is_seen_when_all_is_read_anew() -> None:
    slices = Slices("grpc")
    slices.put(part("a", entry("10.0.0.1")))
    slices.put(Slice("b", "other", (entry("10.0.0.9"),), GRPC))

    assert slices.replace([part("a", entry("10.0.0.2"))]) == ["greeter", "other"]
    assert slices.endpoints("greeter") == {Endpoint("10.0.0.2", 50051)}
    assert slices.endpoints("other") == frozenset()


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ((("grpc", 1), ("metrics", 2)), 1),
        ((("", 3),), 3),
        ((("web", 4),), 4),
        ((("web", 4), ("metrics", 2)), None),
        ((), None),
    ],
)
def test_the_port_is_the_one_of_that_name_or_the_only_one(
    ports: tuple[tuple[str, int], ...], expected: int | None
) -> None:
    slices = Slices("grpc")
    slices.put(part("a", entry("10.0.0.1"), ports=ports))

    assert [one.port for one in slices.endpoints("greeter")] == ([] if expected is None else [expected])
