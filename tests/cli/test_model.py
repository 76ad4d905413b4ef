"""`lbstudy advise`, `simulate` and `sweep`: what they print, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.config import load_setting

Command = Callable[..., Any]
RING_HASH = (
    "expected the policy pick_first, round_robin or weighted_round_robin, found ring_hash_experimental"
)


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


def test_advise_says_what_an_update_costs(lbstudy: Command) -> None:
    """A scenario that replaces all servers and changes their number never: no empty table of changes."""
    done = lbstudy("advise", "stock", "push", "--scenario", "rolling-update")
    text = " ".join(done.out.split())

    assert (done.code, done.err) == (0, "")
    assert (
        "Predicted for a replacement of all 3 servers (rolling-update): clients that have run for long"
        in text
    )
    assert "of 100 clients have no server left for a time" in text
    assert "clients at any phase: a new server is pushed at once (how soon is not predicted)" in text
    assert "95 % within Each" not in text
    assert "time to detect" not in text
    (found,) = json.loads(lbstudy("advise", "stock", "--scenario", "evict", "--json").out)["replacements"]
    assert (found["how"], found["servers"], len(found["clients"])) == ("evict", 3, 2)


def test_advise_says_where_nothing_changes(lbstudy: Command) -> None:
    done = lbstudy("advise", "stock", "--scenario", "steady")

    assert "In scenario steady the number of servers never changes." in done.out
    assert "median" not in done.out


def test_advise_does_not_predict_an_autoscaler(lbstudy: Command) -> None:
    done = lbstudy("advise", "stock", "--scenario", "autoscale")

    text = " ".join(done.out.split())
    assert "In scenario autoscale an autoscaler decides how many servers there are: not predicted." in text
    assert "the autoscaler (nobody adds or removes servers)" in text


def test_advise_for_a_requirement_writes_a_settings_file(lbstudy: Command, tmp_path: Path) -> None:
    """Standard output is the file and nothing else; why is on standard error."""
    done = lbstudy("advise", "--for", "resilient")
    (tmp_path / "mine.toml").write_text(done.out)

    assert done.code == 0
    assert load_setting("./mine.toml").channel["grpc.http2.ping_timeout_ms"] == 1000
    assert done.out.startswith(
        "# Proposed by lbstudy advise --for resilient: 0 connections and 0 DNS queries"
    )
    assert "the cheapest setting that holds the rest: 2 of 4 clauses are not judged by the model" in done.err
    assert "a server that fails its requests loses at most 40 requests: not judged by the model" in done.err
    assert "stock: does not hold" in done.err
    assert lbstudy("advise", "./mine.toml", "--for", "resilient").code == 0


def test_advise_for_a_requirement_as_json(lbstudy: Command) -> None:
    told = json.loads(lbstudy("advise", "--for", "resilient", "--json").out)

    assert (told["answer"], told["best"]["verdict"]) == ("dns", "not judged by the model")
    assert told["toml"].startswith("# Proposed")
    assert {one["setting"] for one in told["built_in"]} >= {"stock", "push"}


def test_advise_for_a_requirement_that_nothing_holds(lbstudy: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n[[clause]]\nkind = "hung-server"\nlost_at_most = 1\n')
    done = lbstudy("advise", "--for", "./mine.toml")

    assert (done.code, done.out) == (3, "")
    assert "By the model no setting meets it, neither with DNS alone nor with push." in done.err


def test_advise_says_of_named_settings_whether_they_hold(lbstudy: Command) -> None:
    done = lbstudy("advise", "stock", "push", "--for", "found-soon")

    assert done.code == 3
    assert (
        "  ✗ a new server is called within 15 s by every client: does not hold: no connection ends"
        in done.out
    )
    assert (
        "  ? a new server is called within 15 s by every client: not judged by the model: how soon"
        in done.out
    )
    assert lbstudy("advise", "push", "--for", "found-soon").code == 0, "what is not judged does not fail"


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


def test_simulate_pick_first(lbstudy: Command) -> None:
    """Only clients whose server goes look up DNS: in the rolling update, each at least once."""
    size = ("--clients", "50", "--servers", "20", "--minutes", "2", "--json")
    found = json.loads(lbstudy("simulate", "pick-first", *size).out)

    quiet, scaled, rolled = found["traffic"]
    assert (quiet["queries_mean"], scaled["queries_mean"], found["not_modelled"]) == (0, 0, [])
    assert found["detect"]["never"] == found["discovery"]["never"] == 100
    assert rolled["connections_mean"] * (rolled["end"] - rolled["start"]) >= 50


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('discovery = "xds"\n', 'expected discovery = "dns", found "xds", which looks up nothing'),
        (
            "[[service_config.loadBalancingConfig]]\nring_hash_experimental = {}\n",
            RING_HASH,
        ),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    lbstudy: Command, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "mine.toml").write_text(f'name = "mine"\n{text}')
    done = lbstudy("simulate", "./mine.toml")
    swept = lbstudy("sweep", "./mine.toml", "--dry-run")

    assert (done.code, swept.code) == (2, 2)
    assert done.line() == f"setting mine: {reason}; lbstudy advise describes it"
    assert swept.line() == f"setting mine: {reason}; so there is no prediction to compare a sweep with"


def test_what_is_left_out_is_named_in_one_line(lbstudy: Command) -> None:
    size = ("--clients", "5", "--servers", "4", "--minutes", "1")
    done = lbstudy("simulate", "outlier-detection", *size)

    assert done.code == 0
    assert "Not in the model: outlier detection.\n" in done.out
    assert json.loads(lbstudy("simulate", "outlier-detection", *size, "--json").out)["not_modelled"] == [
        "outlier detection"
    ]
    assert "Not in the model" not in lbstudy("simulate", "stock", *size).out
    assert "setting retries: not in the model: retries" in lbstudy("sweep", "retries", "--dry-run").err


def test_advise_of_push_speaks_of_no_look_ups(lbstudy: Command) -> None:
    done = lbstudy("advise", "push")

    assert (done.code, done.err) == (0, "")
    text = " ".join(done.out.split())
    assert "Clients look up nothing: the control plane sends each change at once" in text
    assert "price: It needs a control plane" in text
    assert "looks up DNS" not in text
    assert "never, without another trigger" not in text
    advice = json.loads(lbstudy("advise", "push", "--json").out)
    assert [one["detect"] for one in advice["changes"]] == [None, None]
    assert (advice["cost"]["lookups_per_minute"], advice["cost"]["streams"]) == (0, 1)


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
        (("advise",), "expected a setting, or --for with a requirement"),
        (("advise", "--for", "found-son"), "did you mean found-soon?"),
        (("advise", "--for", "found-soon", "--scenario", "scale"), "--scenario does not go with --for"),
        (("simulate", "stock", "--servers", "0"), "--servers"),
        (("sweep", "max-age", "--changes", "1"), "--changes"),
        (("sweep", "max-age", "--change", "melt"), "melt"),
    ],
)
def test_what_cannot_be_used_is_one_line(lbstudy: Command, arguments: tuple[str, ...], expected: str) -> None:
    done = lbstudy(*arguments)

    assert done.code == 2
    assert expected in done.line()
