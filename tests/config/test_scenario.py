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
