"""`lbstudy advise`, `simulate` and `sweep`: what they print, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_advise_says_what_stock_will_not_do(lbstudy: Command) -> None:
    done = lbstudy("advise", "stock")

    assert (done.code, done.err) == (0, "")
    assert "A scale-up alone is never seen" in done.out
    assert "never, without another trigger" in done.out


def test_advise_as_json(lbstudy: Command) -> None:
    advice = json.loads(lbstudy("advise", "max-age", "--scenario", "quick", "--json").out)

    assert (advice["setting"], advice["scenario"], advice["policy"]) == ("max-age", "quick", "round_robin")
    assert [(one["before"], one["after"]) for one in advice["changes"]] == [(2, 3), (3, 2)]
    assert {one["topic"] for one in advice["statements"]} >= {"servers added", "server hangs"}


def test_simulate_as_json(lbstudy: Command) -> None:
    size = ("--clients", "50", "--servers", "20", "--minutes", "1", "--json")
    found = json.loads(lbstudy("simulate", "max-age", *size).out)

    assert (found["clients"], found["servers"], found["added"]) == (50, 20, 2)
    assert [part["part"] for part in found["traffic"]] == ["nothing changes", "scale-up", "rolling update"]
    assert found["detect"]["pairs"] == 100
    assert found["detect"]["never"] == 0
    # 50 clients × 20 connections of 10 s on average.
    assert found["traffic"][0]["connections_mean"] == pytest.approx(100, rel=0.15)


def test_simulate_shows_the_herd(lbstudy: Command) -> None:
    """Stock clients look up DNS at a GOAWAY, all at once: two queries each, in the same second."""
    size = ("--clients", "50", "--servers", "20", "--minutes", "2", "--json")
    found = json.loads(lbstudy("simulate", "stock", *size).out)

    assert found["traffic"][0]["queries_peak"] == 0
    assert found["traffic"][2]["queries_peak"] == 100
    assert found["detect"]["never"] == 100


def test_simulate_refuses_pick_first(lbstudy: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\npolicy = "pick_first"\n')
    done = lbstudy("simulate", "./mine.toml")

    assert done.code == 2
    assert done.line() == (
        "setting mine: expected a policy that connects to all servers, found pick_first; lbstudy advise"
        " tells of it"
    )


def test_sweep_says_what_it_would_do(lbstudy: Command) -> None:
    done = lbstudy("sweep", "max-age", "--changes", "3", "--dry-run")

    assert (done.code, done.err) == (0, "")
    assert done.out.count("scale up from 3 to 4") == 3


def test_a_sweep_that_would_never_end_is_refused(lbstudy: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\n[channel]\ngrpc.dns_min_time_between_resolutions_ms = 3600000\n'
    )
    done = lbstudy("sweep", "./mine.toml", "--changes", "300", "--dry-run")

    assert done.code == 2
    assert "setting mine: the sweep would last" in done.line()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("advise", "stok"), "did you mean stock?"),
        (("advise",), "Missing argument"),
        (("simulate", "stock", "--servers", "0"), "--servers"),
        (("sweep", "max-age", "--changes", "1"), "--changes"),
        (("sweep", "max-age", "--change", "melt"), "melt"),
    ],
)
def test_what_cannot_be_used_is_one_line(lbstudy: Command, arguments: tuple[str, ...], expected: str) -> None:
    done = lbstudy(*arguments)

    assert done.code == 2
    assert expected in done.line()
