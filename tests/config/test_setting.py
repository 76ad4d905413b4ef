"""Setting files: gRPC arguments as people write them, the policy, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lbstudy.config import ConfigError, Setting, load_setting

Write = Callable[[str], Path]
NAME = 'name = "mine"\n'


def test_minimal_setting_is_round_robin_with_nothing_else(write: Write) -> None:
    setting = load_setting(write(NAME))

    assert json.loads(setting.service_config_json) == {"loadBalancingConfig": [{"round_robin": {}}]}
    assert setting.load_balancing == "round_robin"
    assert (setting.channel, setting.server) == ({}, {})
    assert (setting.drain.wait, setting.drain.grace) == (1.0, 5.0)


@pytest.mark.parametrize(
    "table",
    [
        "[channel]\ngrpc.keepalive_time_ms = 1000\ngrpc.http2.ping_timeout_ms = 3000",
        '[channel]\n"grpc.keepalive_time_ms" = 1000\n"grpc.http2.ping_timeout_ms" = 3000',
        "[channel.grpc]\nkeepalive_time_ms = 1000\nhttp2.ping_timeout_ms = 3000",
    ],
)
def test_argument_names_may_be_quoted_or_not(write: Write, table: str) -> None:
    setting = load_setting(write(NAME + table))

    assert setting.channel == {"grpc.keepalive_time_ms": 1000, "grpc.http2.ping_timeout_ms": 3000}


def test_arguments_keep_their_types(write: Write) -> None:
    setting = load_setting(write(f'{NAME}[server]\ngrpc.a = 1\ngrpc.b = true\ngrpc.c = "x"'))

    assert setting.server == {"grpc.a": 1, "grpc.b": True, "grpc.c": "x"}
    assert [type(value) for value in setting.server.values()] == [int, bool, str]


def test_service_config_goes_to_grpc_as_it_stands(write: Write) -> None:
    setting = load_setting(
        write(
            f"{NAME}[service_config]\nloadBalancingConfig = [{{ outlier_detection_experimental ="
            ' { interval = "1s", childPolicy = [{ round_robin = {} }] } }]'
        )
    )

    assert json.loads(setting.service_config_json) == {
        "loadBalancingConfig": [
            {"outlier_detection_experimental": {"interval": "1s", "childPolicy": [{"round_robin": {}}]}}
        ]
    }
    assert setting.load_balancing == "service config"


def test_policy_names_the_load_balancing_config(write: Write) -> None:
    setting = load_setting(write(f'{NAME}policy = "pick_first"'))

    assert json.loads(setting.service_config_json) == {"loadBalancingConfig": [{"pick_first": {}}]}


def test_setting_made_by_a_program_has_no_file() -> None:
    setting = Setting(name="made")

    assert (setting.path, setting.toml) == (None, "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'policy = "least_request"',
            'policy: expected "pick_first", "round_robin" or "weighted_round_robin" (others through ',
        ),
        (
            'policy = "round_robin"\n[service_config]',
            "expected either policy or [service_config], found both",
        ),
        (
            "[service_config]\nloadbalancingConfig = []",
            "service_config: expected a key of gRPC's service config",
        ),
        ("[service_config]\nmethodConfig = nan", "service_config: expected values that JSON has"),
        ("[service_config]\nmethodConfig = 1979-05-27", "service_config: expected values that JSON has"),
        ("service_config = 3", "service_config: expected a table [service_config]"),
        ("channel = 3", "channel: expected a table of gRPC arguments"),
        (
            "[channel]\nkeepalive = 3",
            "channel: expected an argument's name, such as grpc.keepalive_time_ms, found 'keepalive'",
        ),
        (
            '[channel]\n"grpc.a=1 --b" = 3',
            "channel: expected an argument's name, such as grpc.keepalive_time_ms, found 'grpc.a=1 --b'",
        ),
        (
            "[channel]\ngrpc.a = 1.5",
            "channel: grpc.a: expected a whole number, a text, true or false, found 1.5",
        ),
        (
            "[server]\ngrpc.a = [1]",
            "server: grpc.a: expected a whole number, a text, true or false, found [1]",
        ),
        (
            "[channel]\ngrpc.a = 2147483648",
            "channel: grpc.a: expected a whole number of 32 bits, found 2147483648",
        ),
        ('[channel]\ngrpc.a = "a\\nb"', "channel: grpc.a: expected a text of printable characters"),
        (
            '[channel]\n"grpc.a" = 1\ngrpc.a = 1',
            "channel: expected each argument once, found grpc.a twice",
        ),
        (
            "[server]\ngrpc.so_reuseport = 1",
            "server: grpc.so_reuseport cannot be set here: the study sets it",
        ),
        (
            '[channel]\ngrpc.service_config = "{}"',
            "channel: grpc.service_config cannot be set here: write it as the table [service_config]",
        ),
        ("[drain]\nwait = -1", "drain, wait: expected seconds, from 0 to 600, found -1"),
        ("[drain]\ngrace = 1e9", "drain, grace: expected seconds, from 0 to 600, found 1000000000.0"),
        ("[clinet]", "clinet: unknown key"),
    ],
)
def test_error_is_one_line_with_file_key_and_what_was_expected(write: Write, text: str, line: str) -> None:
    path = write(NAME + text)

    with pytest.raises(ConfigError) as caught:
        load_setting(path)

    message = str(caught.value)
    assert message.startswith(f"{path}: {line}"), message
    assert "\n" not in message


def test_push_has_the_policy_told_by_a_control_plane(write: Write) -> None:
    setting = load_setting(
        write(
            f'{NAME}discovery = "xds"\npolicy = "weighted_round_robin"\n[push.retry]\non = ["unavailable"]\n'
            "[push.outlier_detection]\ninterval = 1.0\nfailure_percentage = { threshold = 50 }"
        )
    )

    assert json.loads(setting.push_policy_json or "") == {
        "balancing": "weighted_round_robin",
        "retry": {"on": ["unavailable"]},
        "outlier_detection": {"interval": 1.0, "failure_percentage": {"threshold": 50}},
    }
    assert load_setting("push").push_policy_json == '{"balancing": "round_robin"}'
    assert load_setting("stock").push_policy_json is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('discovery = "eureka"', 'discovery: expected "dns" or "xds"'),
        ("[push.retry]\nattempts = 2", 'expected [push] only with discovery = "xds"'),
        ('discovery = "xds"\npolicy = "pick_first"', "expected policy round_robin or weighted_round_robin"),
        ('discovery = "xds"\n[service_config]\nloadBalancingPolicy = "x"', "expected no [service_config]"),
        ('discovery = "xds"\n[push]\nbalancing = "x"', "push: expected the balancing as the key policy"),
        ('discovery = "xds"\n[push.retry]\nattempts = 9', "push: retry.attempts: expected 2 to 5, found 9"),
        ('discovery = "xds"\n[push]\nretry = 1979-05-27', "push: expected values that JSON has"),
        ('discovery = "xds"\npush = 1', "push: expected a table [push] with retry and outlier_detection"),
    ],
)
def test_what_no_control_plane_could_be_told_is_refused(write: Write, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_setting(write(NAME + text))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
