"""The [[fault]] tables of a scenario: what they may say, what they are called, what is told when wrong."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from lbstudy.config import ConfigError, load_scenario
from lbstudy.config.fault import AnyFault, DnsSilent, labels
from lbstudy.config.fault_kinds import FAULT_KINDS, MadeBy, made_by
from lbstudy.platform import control
from lbstudy.platform.interface import Fault

Write = Callable[[str], Path]
HEAD = 'name = "mine"\nduration = 60\n[[step]]\nat = 0\nservers = 3\n'
DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"
KINDS = {get_args(table.model_fields["kind"].annotation)[0] for table in get_args(get_args(AnyFault)[0])}


def fault(text: str) -> str:
    return f"{HEAD}[[fault]]\nat = 10\n{text}\n"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('kind = "latency"\nseconds = 0.2\nservers = 1', "latency 200 ms on 1 server"),
        ('kind = "latency"\nmean = 0.3\nsd = 0.1', "latency mean 300 ms sd 100 ms on all servers"),
        ('kind = "latency"\nleast = 0\nmost = 2', "latency from 0 ms to 2 s on all servers"),
        ('kind = "error"', "error UNAVAILABLE of all RPCs on all servers"),
        ('kind = "error"\ncode = "INTERNAL"\nrate = 0.5', "error INTERNAL of 50 % of RPCs on all servers"),
        ('kind = "hang"\nrate = 0.05\nservers = 2', "hang of 5 % of RPCs on 2 servers"),
        ('kind = "cpu"\ncores = 1.5', "cpu 1.5 cores on all servers"),
        ('kind = "memory"\nmebibytes = 100', "memory 100 MiB on all servers"),
        ('kind = "load-report"\ncpu = 0.9', "load-report CPU 0.9 at 100 RPC/s on all servers"),
        ('kind = "stop"\nservers = 1', "stop on 1 server"),
        ('kind = "kill"', "kill on all servers"),
        ('kind = "not-ready"', "not-ready on all servers"),
        ('kind = "flap"\nperiod = 8', "flap every 8 s on all servers"),
        ('kind = "reset"', "reset on all servers"),
        ('kind = "reset"\nperiod = 1', "reset every 1 s on all servers"),
        ('kind = "blackhole"', "blackhole on all servers"),
        ('kind = "crash-at-start"\nservers = 2', "crash-at-start at the next 2 starts"),
        ('kind = "slow-start"\nseconds = 3', "slow-start 3 s at every start"),
        ('kind = "dns-stale"\nseconds = 5', "dns-stale 5 s"),
        ('kind = "dns-nxdomain"', "dns-nxdomain"),
        ('kind = "dns-servfail"', "dns-servfail"),
        ('kind = "dns-silent"', "dns-silent"),
        ('kind = "dns-silent"\nfamily = "ipv6"', "dns-silent of IPv6 addresses (AAAA) only"),
        ('kind = "dns-late"\nseconds = 2\nfamily = "ipv4"', "dns-late 2 s of IPv4 addresses (A) only"),
        ('kind = "dns-truncated"', "dns-truncated"),
        ('kind = "dns-late"\nseconds = 0.5', "dns-late 500 ms"),
    ],
)
def test_each_kind_and_what_it_is_called(write: Write, text: str, label: str) -> None:
    found = load_scenario(write(fault(text))).fault
    assert labels(found) == [label]
    table = tomllib.loads(text)
    assert {name: found[0].options[name] for name in table if name not in {"kind", "servers"}} == {
        name: value for name, value in table.items() if name not in {"kind", "servers"}
    }


def test_labels_are_unique() -> None:
    same = [DnsSilent(kind="dns-silent", at=at) for at in (1, 5, 9)]
    assert labels(same) == ["dns-silent", "dns-silent (2)", "dns-silent (3)"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'kind = "latency"',
            "fault 1, latency: expected seconds, or mean and sd, or least and most, found none",
        ),
        (
            'kind = "latency"\nseconds = 1\nmean = 1',
            "fault 1, latency: expected seconds, or mean and sd, or least and most, found seconds, mean",
        ),
        (
            'kind = "latency"\nleast = 2\nmost = 1',
            "fault 1, latency: expected least below most, found 2 and 1",
        ),
        ('kind = "latency"\nsecnods = 1', "fault 1, latency, secnods: unknown key; did you mean seconds?"),
        ('kind = "latenzy"', "fault 1, kind: expected one of latency, error, hang,"),
        ('kind = "latenzy"', 'found "latenzy"; did you mean latency?'),
        ("servers = 1", "fault 1, kind: missing, expected one of latency, error, hang,"),
        (
            'kind = "error"\ncode = "OK"',
            "fault 1, error, code: expected the name of a gRPC status other than OK",
        ),
        ('kind = "error"\nrate = 2', "fault 1, error, rate: expected a number above 0, up to 1, found 2"),
        (
            'kind = "stop"\nservers = 0',
            "fault 1, stop, servers: expected a whole number from 1 to 1000, found 0",
        ),
        ('kind = "stop"\nuntil = 5', "fault 1, stop: expected until after at = 10, found 5"),
        (
            'kind = "stop"\nuntil = 61',
            "expected every [[fault]] within the load's time (duration = 60), found",
        ),
        (
            'kind = "dns-late"',
            "fault 1, dns-late, seconds: missing, expected seconds, above 0 and up to 3600",
        ),
        ('kind = "dns-silent"\nservers = 1', "fault 1, dns-silent, servers: unknown key"),
        ("kind = 3", "fault 1, kind: expected one of latency,"),
    ],
)
def test_a_bad_fault_gets_one_clear_line(write: Write, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_scenario(write(fault(text)))
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_fault_after_the_end(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"within the load's time \(duration = 60\), found at = 60"):
        load_scenario(write(f'{HEAD}[[fault]]\nat = 60\nkind = "kill"\n'))


def test_each_kind_is_somebodys_and_in_the_docs() -> None:
    """What a scenario may say, a platform does; and a reader can find what."""
    assert FAULT_KINDS.keys() == KINDS
    assert made_by(MadeBy.SIGNAL) | made_by(MadeBy.START) == {"stop", "kill", "crash-at-start", "slow-start"}
    text = DOCS.read_text(encoding="utf-8")
    assert {kind for kind in KINDS if f"| `{kind}`" not in text} == set()


@pytest.mark.parametrize("kind", sorted(made_by(MadeBy.SERVER)))
def test_the_servers_understand_what_the_scenario_says(write: Write, kind: str) -> None:
    text = {
        "latency": "mean = 0.2\nsd = 0.1",
        "cpu": "cores = 1",
        "memory": "mebibytes = 2",
        "load-report": "cpu = 0.9",
        "flap": "period = 2",
    }
    (found,) = load_scenario(write(fault(f'kind = "{kind}"\n{text.get(kind, "")}'))).fault
    request = control.request_of(Fault("f", kind, None, found.options), "pod-a", seed=1)
    assert request.WhichOneof("fault") == kind.replace("-", "_")
    assert request.seed != control.request_of(Fault("f", kind, None, found.options), "pod-b", seed=1).seed
