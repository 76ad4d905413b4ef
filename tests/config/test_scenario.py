"""Scenario files: what they may say, and the line a user gets for each thing that is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lbstudy.config import ConfigError, Step, load_scenario
from lbstudy.config.expected import MEASURES

Write = Callable[[str], Path]
STEPS = "[[step]]\nat = 0\nservers = 3\n"
HEAD = 'name = "mine"\nduration = 10\n'
MINIMAL = HEAD + STEPS


def test_minimal_scenario_takes_the_documented_defaults(write: Write) -> None:
    scenario = load_scenario(write(MINIMAL))

    assert (scenario.name, scenario.duration, scenario.step) == ("mine", 10.0, [Step(at=0, servers=3)])
    assert (scenario.load.clients, scenario.load.rate, scenario.load.timeout) == (2, 30.0, 5.0)
    assert (scenario.server.work, scenario.dns.ttl, scenario.dns.propagation) == (0.02, 5, 0.5)
    assert scenario.expect == []


def test_scenario_keeps_its_file_as_it_was_for_the_provenance(write: Write) -> None:
    text = "# why\n" + MINIMAL
    path = write(text)

    scenario = load_scenario(str(path))

    assert scenario.toml == text
    assert scenario.path == path


def test_every_table_is_read(write: Write) -> None:
    scenario = load_scenario(
        write(
            'name = "mine"\ndescription = "d"\nduration = 30.5\n'
            "[load]\nclients = 7\nrate = 12.5\ntimeout = 1\n"
            "[server]\nwork = 0\n[dns]\nttl = 0\npropagation = 2\n"
            f"{STEPS}[[step]]\nat = 4.5\nservers = 1000\n"
            '[[expect]]\nsetting = "stock"\nmeasure = "discovery.median"\nat_least = 1\nat_most = 2.5\n'
        )
    )

    assert (scenario.load.clients, scenario.load.rate, scenario.load.timeout) == (7, 12.5, 1.0)
    assert (scenario.server.work, scenario.dns.ttl, scenario.dns.propagation) == (0.0, 0, 2.0)
    assert scenario.step[1] == Step(at=4.5, servers=1000)
    (expected,) = scenario.expect
    assert (expected.setting, expected.measure) == ("stock", "discovery.median")
    assert (expected.at_least, expected.at_most) == (1.0, 2.5)


SCALED = 'name = "mine"\nduration = 60\n[server]\nconcurrency = 2\n' + STEPS


def test_a_load_that_changes_and_an_autoscaler(write: Write) -> None:
    scenario = load_scenario(
        write(
            "name = 'mine'\nduration = 60\n[load]\nrate = 10\n"
            "[[load.step]]\nat = 5\nrate = 30\nramp = 10\n[[load.step]]\nat = 20\nrate = 0\n"
            f"[server]\nconcurrency = 4\n{STEPS}"
            "[autoscaler]\nmin_replicas = 2\nmax_replicas = 9\ntarget = 0.65\n"
            '[autoscaler.down]\nstabilization = 20\npolicy = [{ type = "pods", value = 1, period = 10 }]\n'
        )
    )

    assert scenario.load.points == [(0, 10), (5, 10), (15, 30), (20, 30), (20, 0)]
    assert scenario.server.concurrency == 4
    rules = scenario.autoscaler
    assert rules is not None
    assert (rules.min_replicas, rules.max_replicas, rules.target_percent) == (2, 9, 65)
    assert (rules.sync_period, rules.down.stabilization, rules.down.policy[0].type) == (15, 20, "pods")
    assert load_scenario(write(MINIMAL)).load.points == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[[load.step]]\nat = 5\nrate = 1\nramp = 2\n[[load.step]]\nat = 6\nrate = 2\n" + MINIMAL,
            "expected [[load.step]] 2 later than the end of the one before it (7 s), found at = 6",
        ),
        (
            "[[load.step]]\nat = 5\nrate = 1\nramp = 6\n" + MINIMAL,
            "with its ramp, before the end (duration = 10), found at = 5, ramp = 6",
        ),
        (
            "[autoscaler]\nmax_replicas = 5\n" + MINIMAL,
            "expected concurrency in [server] with [autoscaler]: utilisation is a share of that capacity",
        ),
        (
            SCALED + "[autoscaler]\nmax_replicas = 2\n",
            "expected [[step]] servers from min_replicas to max_replicas (1 to 2), found 3",
        ),
        (
            SCALED + "[[step]]\nat = 4\nservers = 4\n[autoscaler]\nmax_replicas = 5\n",
            "expected one [[step]] with [autoscaler], which decides from then on, found 2",
        ),
        (
            SCALED + "[autoscaler]\nmin_replicas = 6\nmax_replicas = 5\n",
            "autoscaler: expected min_replicas to be no more than max_replicas, found 6 > 5",
        ),
        (
            SCALED
            + "[autoscaler]\nmax_replicas = 5\n[autoscaler.up]\npolicy = [{ type = 'pod', value = 1 }]\n",
            'autoscaler, up, policy 1, type: expected "percent" or "pods", found "pod"',
        ),
        (
            SCALED + "[autoscaler]\nmax_replicas = 5\ntarget = 60\n",
            "autoscaler, target: expected a number above 0, up to 1, found 60",
        ),
    ],
)
def test_what_makes_no_sense_of_load_and_autoscaler_is_one_line(write: Write, text: str, said: str) -> None:
    if not text.startswith("name"):
        head, text = HEAD, text.replace(HEAD, "")
        text = head + text
    with pytest.raises(ConfigError) as caught:
        load_scenario(write(text))
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    "value", ["-1", "1001", "1000000000", '"3"', "3.0", "true", "[3]", "nan", "1979-05-27"]
)
def test_servers_must_be_a_whole_number_from_0_to_1000(write: Write, value: str) -> None:
    path = write(f"{HEAD}[[step]]\nat = 0\nservers = {value}\n")

    with pytest.raises(ConfigError) as caught:
        load_scenario(path)

    assert str(caught.value).startswith(
        f"{path}: step 1, servers: expected a whole number from 0 (but 1 in the first step) to 1000, found "
    )


def test_the_first_step_has_a_server(write: Write) -> None:
    path = write(f"{HEAD}[[step]]\nat = 0\nservers = 0\n")

    with pytest.raises(
        ConfigError, match=r"expected the first .* to have at least 1 server, found servers = 0$"
    ):
        load_scenario(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            f"{MINIMAL}[[step]]\nat = 5\nservres = 2\n",
            "step 2, servres: unknown key; did you mean servers? (known: at, servers) (and 1 more)",
        ),
        (
            f"duratoin = 80\n{MINIMAL}",
            "duratoin: unknown key; did you mean duration? (known: name, description, duration,",
        ),
        (
            STEPS,
            "name: missing, expected a name of lower-case letters, digits and hyphens, at most 38",
        ),
        (
            "",
            "name: missing, expected a name of lower-case letters, digits and hyphens, at most 38 characters",
        ),
        (HEAD, "step: missing, expected 1 to 1000 tables [[step]] with at and servers"),
        (
            f"{HEAD}step = []",
            "step: expected 1 to 1000 tables [[step]] with at and servers, found an array of 0",
        ),
        (
            f"{MINIMAL}[load.stream]\nkind = 'both'\n",
            'load, stream, kind: expected "server", "client" or "bidi"',
        ),
        (f"{MINIMAL}[load.stream]\nshare = 1.5\n", "load, stream, share: expected a number above 0, up to 1"),
        (f"{MINIMAL}[load.stream]\nlife = 0\n", "load, stream, life: expected seconds, above 0"),
        (
            f"{MINIMAL}[load]\nanswer_size = 5000000\n",
            "load, answer_size: expected a whole number from 0 to 4",
        ),
        (f"{MINIMAL}[server.cold]\nfactor = 3\n", "server, cold: expected seconds, rpcs or both"),
        (
            f"{MINIMAL}[server.cold]\nfactor = 0.5\nrpcs = 3\n",
            "server, cold, factor: expected a number from 1",
        ),
        (f"{HEAD}step = 3", "step: expected 1 to 1000 tables [[step]] with at and servers, found 3"),
        (
            f"{HEAD.replace('mine', 'My Name')}{STEPS}",
            "name: expected a name of lower-case letters, digits and hyphens, at most 38 char",
        ),
        (
            f"{HEAD.replace('10', '0')}{STEPS}",
            "duration: expected seconds, above 0 and up to 86400, found 0",
        ),
        (
            f"{HEAD.replace('10', 'inf')}{STEPS}",
            "duration: expected seconds, above 0 and up to 86400, found inf",
        ),
        (f"load = 3\n{MINIMAL}", "load: expected a table [load], found 3"),
        (f"{MINIMAL}[load]\nrate = true", "load, rate: expected a number above 0, up to 10000, found true"),
        (f"{MINIMAL}[load]\nrate = nan", "load, rate: expected a number above 0, up to 10000, found nan"),
        (f"{MINIMAL}[load]\ntimeout = 0", "load, timeout: expected seconds, above 0 and up to 3600, found 0"),
        (f"{MINIMAL}[load]\nclients = 0", "load, clients: expected a whole number from 1 to 1000, found 0"),
        (f'{MINIMAL}[server]\nwork = "1"', 'server, work: expected seconds, from 0 to 60, found "1"'),
        (
            f'{MINIMAL}[dns]\nsearch = ["Not a name"]',
            'dns, search 1: expected at most 6 domains such as "svc.cluster.local", found "Not a name"',
        ),
        (
            f'{MINIMAL}[dns]\nfamilies = "ipx"',
            (
                'dns, families: expected "ipv4" (A records only), "ipv6" (AAAA records only) or "both",'
                ' found "ipx"'
            ),
        ),
        (f"{MINIMAL}[dns]\nttl = -1", "dns, ttl: expected whole seconds, from 0 to 86400, found -1"),
        (
            f"{HEAD}[[step]]\nat = 1\nservers = 3",
            "step: expected the first [[step]] at = 0, found 1",
        ),
        (
            f"{MINIMAL}[[step]]\nat = 5\nservers = 2\n[[step]]\nat = 5\nservers = 4",
            "step: expected [[step]] 3 later than the one before it (5 s), found at = 5",
        ),
        (
            f'{MINIMAL}[[replace]]\nat = 1\nhow = "rolling-update"\nmax_surge = "101%"',
            'replace 1, max_surge: expected a whole number from 0 to 1000, or a share such as "25%", found',
        ),
        (
            f'{MINIMAL}[[replace]]\nat = 1\nhow = "evict"\nmax_surge = 1',
            'replace 1: expected max_surge only with how = "rolling-update"',
        ),
        (
            f'{MINIMAL}[[replace]]\nat = 1\nhow = "rolling-update"\nmax_surge = 0\nmax_unavailable = "0%"',
            "replace 1: expected max_surge or max_unavailable above 0: nothing could be replaced",
        ),
        (
            f"{MINIMAL}[[step]]\nat = 10\nservers = 2",
            "expected every [[step]] before the end (duration = 10), found at = 10",
        ),
        (
            f'{MINIMAL}[[expect]]\nsetting = "stock"\nmeasure = "errors.ratio"',
            "expect 1: expected at_least, at_most or both",
        ),
        (
            f'{MINIMAL}[[expect]]\nsetting = "stock"\nmeasure = "errors.ratio"\nat_least = 2\nat_most = 1',
            "expect 1: expected at_least to be no more than at_most, found 2 > 1",
        ),
        (
            f'{MINIMAL}[[expect]]\nsetting = "stock"\nmeasure = "discovery.medain"\nat_least = 2',
            'expect 1, measure: expected a measure that "lbstudy list" shows, found "discovery.medain"; did',
        ),
        (
            f'{MINIMAL}[[expect]]\nsetting = "stock"\nmeasure = 3\nat_least = 2',
            "expect 1, measure: expected the name of a measure (lbstudy list shows them)",
        ),
        (
            f'{MINIMAL}[[expect]]\nsetting = "stock"\nmeasure = "Errors!"\nat_least = 2',
            'expect 1, measure: expected a measure that "lbstudy list" shows, found "Errors!"',
        ),
    ],
)
def test_error_is_one_line_with_file_key_and_what_was_expected(write: Write, text: str, line: str) -> None:
    path = write(text)

    with pytest.raises(ConfigError) as caught:
        load_scenario(path)

    message = str(caught.value)
    assert message.startswith(f"{path}: {line}"), message
    assert "\n" not in message


def test_several_errors_show_the_first_and_count_the_rest(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"load, clients: .* found 0 \(and 2 more\)$"):
        load_scenario(write(f"{MINIMAL}[load]\nclients = 0\nrate = 0\ntimeout = 0"))


def test_the_measures_that_can_be_expected_are_those_that_are_evaluated() -> None:
    from lbstudy.result.expectations import MEASURES as EVALUATED

    assert sorted(MEASURES) == sorted(EVALUATED)
