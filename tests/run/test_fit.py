"""What a subject's programs cannot take is told by name."""

from pathlib import Path

import pytest
from lbstudy.config import Scenario, Setting, Subject, available_settings, load_scenario, load_setting
from lbstudy.config import load_subject as load
from lbstudy.run.fit import capacity, fitted, no_tls, not_applied, unfit
from lbstudy.run.plan import course

STEPS = {"name": "s", "duration": 10, "step": [{"at": 0, "servers": 2}]}


def orders(**client: object) -> Subject:
    """Programs that take nothing but addresses."""
    return Subject.model_validate(
        {
            "name": "orders",
            "server": {"command": ["./server", "{address}"]},
            "client": {"command": ["./client", "{target}"], **client},
        }
    )


def options(subject: Subject, setting: Setting, scenario: Scenario | None = None) -> list[str]:
    return [one.option for one in not_applied(scenario or load_scenario("quick"), setting, subject)]


@pytest.mark.parametrize("setting", [one.name for one in available_settings()])
def test_the_default_subject_takes_everything(setting: str) -> None:
    for scenario in ("compare", "crashed-server", "failing-server"):
        assert not_applied(load_scenario(scenario), load_setting(setting), load()) == []


def test_programs_that_take_nothing_are_told_all_of_it() -> None:
    assert options(orders(), load_setting("max-age")) == [
        "[channel] grpc.dns_min_time_between_resolutions_ms",
        "policy round_robin",
        "[server] grpc.max_connection_age_ms",
        "[server] grpc.max_connection_age_grace_ms",
        "[drain] wait",
        "[drain] grace",
        "[server] work of the scenario",
        *(f"{key} of the load" for key in ("rate", "clients", "timeout", "duration", "start_at")),
    ]
    assert "report_load" in options(orders(), load_setting("weighted-round-robin"))


@pytest.mark.parametrize("given", [("server",), ("client",), ()])
def test_connections_stay_plain_text_on_both_sides_where_one_takes_no_certificates(
    given: tuple[str, ...],
) -> None:
    takes = {"server": ["{tls_certificate}", "{tls_key}"], "client": ["{tls_ca}"]}
    commands = {
        role: {"command": [f"./{role}", "{address}" if role == "server" else "{target}", *more]}
        for role, more in ((role, takes[role] if role in given else []) for role in ("server", "client"))
    }
    subject = Subject.model_validate({"name": "orders", **commands})
    tls = load_scenario("tls-restart")
    assert options(subject, load_setting("stock"), tls).count("[tls] of the scenario") == 2
    assert no_tls(load_setting("stock"), subject)


def test_what_takes_certificates_is_encrypted_unless_a_control_plane_tells_of_servers() -> None:
    tls = load_scenario("tls-restart")
    assert not_applied(tls, load_setting("stock"), load()) == []
    assert no_tls(load_setting("stock"), load()) == ""
    pushed = [one for one in not_applied(tls, load_setting("push"), load()) if "[tls]" in one.option]
    assert {one.who for one in pushed} == {"client", "servers"}
    assert "names no certificates" in pushed[0].why


def test_cold_servers_and_large_messages_that_programs_do_not_take_are_told() -> None:
    cold = load_scenario("cold-servers")
    assert {"[server.cold] of the scenario", "request_size of the load", "answer_size of the load"} <= set(
        options(orders(), load_setting("stock"), cold)
    )
    assert not_applied(cold, load_setting("stock"), load()) == []


def test_streams_that_a_client_does_not_take_are_told() -> None:
    streams = load_scenario("long-streams")
    assert "[load.stream] of the scenario" in options(orders(), load_setting("stock"), streams)
    assert not_applied(streams, load_setting("stock"), load()) == []


def test_faults_that_need_the_control_service_are_left_out_and_told() -> None:
    faults = [
        {"kind": "stop", "at": 1},
        {"kind": "error", "at": 2},
        {"kind": "slow-start", "at": 3, "seconds": 1},
    ]
    scenario = Scenario.model_validate(STEPS | {"fault": faults})

    assert [fault.kind for fault in fitted(scenario, orders()).fault] == ["stop"]
    assert options(orders(), load_setting("stock"), scenario)[-2:] == [
        "[[fault]] error UNAVAILABLE of all RPCs on all servers",
        "[[fault]] slow-start 1 s at every start",
    ]
    assert fitted(scenario, load()) == scenario


SCALED = Scenario.model_validate(
    STEPS
    | {
        "load": {"step": [{"at": 1, "rate": 5}]},
        "server": {"concurrency": 2},
        "autoscaler": {"max_replicas": 4},
    }
)


def test_what_a_subject_cannot_take_of_a_load_that_changes_is_told() -> None:
    assert not_applied(SCALED, load_setting("stock"), load()) == []
    assert capacity(SCALED, load()) == 2
    assert capacity(SCALED, orders()) is None
    found = {one.option: (one.who, one.why) for one in not_applied(SCALED, load_setting("stock"), orders())}
    assert found["[[load.step]] of the scenario"] == ("client", "the client's command has no {rates}")
    no_capacity = "the servers' command has no {concurrency}"
    assert found["[server] concurrency of the scenario"] == ("servers", no_capacity)
    assert found["[autoscaler]"] == ("study", f"nobody tells how busy servers are: {no_capacity}")


@pytest.mark.parametrize("subject", ["go", "java", "node"])
def test_clients_in_other_languages_follow_a_load_that_changes(subject: str) -> None:
    assert not_applied(SCALED, load_setting("stock"), load(subject)) == []


def test_the_rates_that_clients_get_are_the_scenarios() -> None:
    changes = course(SCALED)
    assert str(changes) == "0.0:30.0,1.0:30.0,1.0:5.0"
    assert course(load_scenario("quick")) is None


def test_a_method_config_of_no_method_of_the_subject_is_told() -> None:
    names = [{"service": "orders.v1.Orders"}, {"service": "orders.v1.Orders", "method": "Gte"}]
    setting = Setting.model_validate({"name": "r", "service_config": {"methodConfig": [{"name": names}]}})
    found = not_applied(load_scenario("quick"), setting, orders(calls=["orders.v1.Orders/Get"]))

    assert [(one.option, one.why) for one in found if "methodConfig" in one.option] == [
        (
            "methodConfig of orders.v1.Orders/Gte",
            "orders calls orders.v1.Orders/Get only; did you mean orders.v1.Orders/Get?",
        )
    ]


def test_what_can_not_be_run_at_all() -> None:
    long = Setting.model_validate({"name": "s" * 38})
    pushed = load_setting("push")
    blind = orders(command=["./client", "{name}"])

    assert unfit(orders(), [load_setting("stock"), pushed]) == []
    assert 'discovery = "xds" needs' in unfit(blind, [pushed])[0]
    assert unfit(load(), [long]) == []
    assert (
        "at most 45 characters together, found 58"
        in unfit(Subject.model_validate(orders().model_dump() | {"name": "o" * 20}), [long])[0]
    )


def test_a_subject_that_is_not_built_says_what_to_run(tmp_path: Path) -> None:
    from lbstudy.run.fit import unavailable

    assert unavailable(load()) is None
    subject = Subject.model_validate(
        orders().model_dump() | {"build": "make orders", "server": {"command": [str(tmp_path / "orders")]}}
    )
    assert unavailable(subject) == (
        f"the subject orders is not available: run make orders (server: {tmp_path / 'orders'}:"
        " there is no such program)"
    )
