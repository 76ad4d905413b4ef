"""Venues: chosen by name, chosen again from what a plan keeps of them, and what a run records of each."""

import json
import os
from pathlib import Path

import pytest
from lbstudy import venues
from lbstudy.config import load_scenario, load_setting
from lbstudy.run.describe import describe, this_machine
from lbstudy.run.plan import RunPlan
from lbstudy.run.venue import Venue
from lbstudy.venues import On
from lbstudy.venues.kubernetes import Kubernetes
from lbstudy.venues.local import Local


@pytest.mark.parametrize("on", On)
def test_a_venue_is_chosen_by_its_name_and_again_by_its_options(on: On) -> None:
    venue = venues.choose(on, {})
    assert venue.platform == on
    assert venues.choose(venue.platform, venue.options) == venue


def test_only_the_studys_own_dns_server_shows_its_lookups() -> None:
    def known(venue: Venue) -> bool:
        plan = RunPlan(load_scenario("quick"), [load_setting("stock")], Path(), "id", 0, "", venue=venue)
        return describe(plan, 0.0, this_machine("made up")).lookups_known

    assert known(Local())
    assert not known(Kubernetes())


@pytest.mark.parametrize("name", ["ipv6-only", "dual-stack", "search-list"])
def test_a_clusters_dns_is_its_own(name: str) -> None:
    (line,) = Kubernetes().obstacles(load_scenario(name))
    assert line == (
        f"scenario {name}: [dns] families, search: not on a cluster, whose DNS is not the run's: --on local"
    )
    assert Kubernetes().obstacles(load_scenario("scale")) == []


@pytest.mark.parametrize(("root", "names", "lines"), [(False, 1, 0), (False, 2, 1), (True, 2, 0)])
def test_a_search_list_of_several_names_needs_root(
    *, root: bool, names: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    scenario = load_scenario("search-list")
    dns = scenario.dns.model_copy(update={"search": ["a.test", "b.test"][:names]})
    found = Local().obstacles(scenario.model_copy(update={"dns": dns}))
    assert len(found) == lines
    assert all("needs root" in line for line in found)


def test_the_context_that_is_the_current_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    assert Kubernetes(None, "mine").settled() == Kubernetes("here", "mine")
    assert Kubernetes("there", "mine").settled() == Kubernetes("there", "mine")
