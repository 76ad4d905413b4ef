"""Several subjects side by side: each runs under every setting, as a setting of its own."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

from lbstudy.config import load_scenario, load_setting, load_subject
from lbstudy.live.quiet import Quiet
from lbstudy.run import play
from lbstudy.run.changes import ChangeLog
from lbstudy.run.crossed import crossed
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_spec, server_deployment, server_spec
from lbstudy.venues.local import Local

GREETER = load_subject("greeter")
OTHER = GREETER.model_copy(update={"name": "other"})
SETTINGS = [load_setting("stock"), load_setting("max-age")]


def plan(*subjects: object) -> RunPlan:
    settings, programs = crossed(list(subjects), SETTINGS)  # type: ignore[arg-type]  # of the tests' own
    first: Any = subjects[0]
    return RunPlan(
        load_scenario("quick"), settings, Path(), "id", 0, "", first, subjects=programs, venue=Local()
    )


def test_one_subject_leaves_the_settings_as_they_are() -> None:
    alone = plan(GREETER)

    assert alone.settings == SETTINGS
    assert [server_deployment(alone, setting) for setting in alone.settings] == [
        "greeter-stock",
        "greeter-max-age",
    ]
    assert alone.preloads == ["greeter.server.program"]


def test_of_several_each_runs_under_every_setting() -> None:
    both = plan(GREETER, OTHER)

    names = ["greeter-stock", "greeter-max-age", "other-stock", "other-max-age"]
    assert [setting.name for setting in both.settings] == names
    assert [server_deployment(both, setting) for setting in both.settings] == names
    assert [both.programs(setting).name for setting in both.settings] == ["greeter"] * 2 + ["other"] * 2
    last = both.settings[-1]
    server, client = server_spec(both, last, ""), client_spec(both, last, "", 0.0)
    assert (server.name, client.server) == ("other-max-age", "other-max-age")
    assert server.channel_args == SETTINGS[1].server
    assert server.env["OTEL_SERVICE_NAME"] == "other-server"


def test_a_capacity_and_a_load_that_changes_reach_those_that_take_them() -> None:
    bare = OTHER.server_program.model_copy(update={"command": ("{python}", "-m", "greeter.server")})
    both = plan(GREETER, OTHER.model_copy(update={"server": bare}))
    both = replace(both, scenario=load_scenario("autoscale"))
    takes, does_not = both.settings[0], both.settings[-1]
    server, client = server_spec(both, takes, ""), client_spec(both, takes, "", 0.0)
    assert (server.concurrency, server.control) == (2, True)  # it has to tell how busy it is
    assert client.rates == "0.0:10.0,12.0:10.0,22.0:30.0,55.0:30.0,55.0:10.0"
    other = server_spec(both, does_not, "")
    assert (other.concurrency, other.control) == (None, False)


async def test_a_fault_is_made_where_the_servers_can_make_it_and_nowhere_else() -> None:
    bare = OTHER.server_program.model_copy(update={"command": ("{python}", "-m", "greeter.server")})
    both = plan(GREETER, OTHER.model_copy(update={"server": bare}))
    scenario = load_scenario("failing-server")
    fault = scenario.fault[0].model_copy(update={"at": 0.01, "until": 0.02})
    scenario = scenario.model_copy(update={"duration": 0.03, "fault": [fault], "step": scenario.step[:1]})
    platform = AsyncMock()
    changes = ChangeLog(lambda _: None)
    stage = play.Scene(platform, changes, "", time.time, 1.0, lambda _: 0.0)

    await play._commands(replace(both, scenario=scenario), stage, Quiet(), time.time())

    for told in (platform.inject, platform.lift):
        assert [call.args[0] for call in told.await_args_list] == ["greeter-stock", "greeter-max-age"]
