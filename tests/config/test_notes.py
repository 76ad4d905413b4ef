"""Notes: what is allowed but probably not meant."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from lbstudy.config import ExpectTable, Scenario, Setting, Step, notes
from lbstudy.config.arguments import KNOWN, NO_EFFECT

SCENARIO = Scenario(name="s", duration=10, step=[Step(at=0, servers=1)])
AGE, INTERVAL = "grpc.max_connection_age_ms", "grpc.dns_min_time_between_resolutions_ms"


def test_nothing_to_say_of_a_plain_setting() -> None:
    assert notes(SCENARIO, [Setting(name="plain")]) == []


@pytest.mark.parametrize(
    ("age", "interval", "said"),
    [
        (10_000, 5_000, None),
        (5_000, 5_000, None),
        (
            4_999,
            5_000,
            "(4999) below the clients' grpc.dns_min_time_between_resolutions_ms (5000) buys nothing",
        ),
        (10_000, None, "(30000, the default) buys nothing: a client looks up DNS no sooner than every 30 s"),
        (30_000, None, None),
    ],
)
def test_a_connection_age_below_the_minimum_interval_is_noted(
    age: int, interval: int | None, said: str | None
) -> None:
    channel: dict[str, int | str | bool] = {} if interval is None else {INTERVAL: interval}

    lines = notes(SCENARIO, [Setting(name="x", server={AGE: age}, channel=channel)])

    assert len(lines) == (said is not None)
    assert all(said in line for line in lines if said)


def test_an_argument_that_grpc_does_not_know_is_noted() -> None:
    (line,) = notes(SCENARIO, [Setting(name="x", server={"grpc.max_conection_age_ms": 10_000})])

    assert line.startswith("setting x: [server] grpc.max_conection_age_ms is unknown here")
    assert line.endswith("did you mean grpc.max_connection_age_ms?")


def test_an_argument_that_grpc_knows_and_that_changes_nothing_here_is_not_taken_for_a_typing_error() -> None:
    (line,) = notes(SCENARIO, [Setting(name="x", channel={"grpc.ssl_target_name_override": "orders"})])

    assert line == (
        "setting x: [channel] grpc.ssl_target_name_override has no effect here:"
        " it is for TLS, and the study's connections have none"
    )


def test_no_argument_is_both_known_and_without_effect() -> None:
    assert NO_EFFECT.keys() & KNOWN == set()


def test_a_keepalive_timeout_that_the_ping_timeout_governs_is_noted() -> None:
    channel: dict[str, int | str | bool] = {"grpc.keepalive_timeout_ms": 3000}

    (line,) = notes(SCENARIO, [Setting(name="x", channel=channel)])

    assert "grpc.keepalive_timeout_ms (3000) has no effect" in line
    assert notes(SCENARIO, [Setting(name="x", channel=channel | {"grpc.http2.ping_timeout_ms": 3000})]) == []


def test_an_expectation_of_a_setting_that_is_not_run_is_noted_once() -> None:
    expected = [ExpectTable(setting="y", measure="errors.ratio", at_most=0)] * 2
    scenario = SCENARIO.model_copy(update={"expect": expected})

    (line,) = notes(scenario, [Setting(name="x")])

    assert "setting y is not checked" in line
    assert notes(scenario, [Setting(name="y")]) == []


def test_the_known_arguments_are_known_to_the_grpc_that_is_installed() -> None:
    # gRPC looks arguments up by name, so each name stands in its binary.
    spec = find_spec("grpc._cython.cygrpc")
    assert spec is not None
    assert spec.origin is not None
    binary = Path(spec.origin).read_bytes()

    assert [name for name in sorted(KNOWN | NO_EFFECT.keys()) if name.encode() not in binary] == []
