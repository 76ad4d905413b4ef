"""`lbstudy watch --since` over a run of `lbstudy run --on kubernetes` tells what the run's own report tells.

The watch has no cluster: it asks the real Prometheus and Jaeger to which the run's pods sent.
"""

import json
import math
from pathlib import Path
from typing import Any

from tests.kubernetes.e2e.lab import Lab

SCENARIO = """
name = "looked-back"
description = "for a test"
duration = 25
[load]
clients = 2
rate = 20
[[step]]
at = 0
servers = 2
[[step]]
at = 5
servers = 3
[[step]]
at = 18
servers = 2
"""
# With a name of its own: the servers of other tests' runs are in the same Prometheus.
SETTING = """
name = "looked-back"
description = "for a test: connections end after 3 s"
policy = "round_robin"
[server]
grpc.max_connection_age_ms = 3000
grpc.max_connection_age_grace_ms = 5000
[channel]
grpc.dns_min_time_between_resolutions_ms = 1000
[drain]
wait = 1
grace = 5
"""
WITHIN = 1e-3  # s, what instants of the same span may differ by


def test_a_watch_of_the_past_tells_what_the_run_tells(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    (tmp_path / "looked-back.toml").write_text(SETTING)
    with lab.run(str(tmp_path / "scenario.toml"), "--setting", str(tmp_path / "looked-back.toml")) as command:
        run = command.finish(300)
    assert run.code == 0, run.err

    out = tmp_path / "watched"
    with (
        lab.cluster.forwarded("prometheus", 9090) as prometheus,
        lab.cluster.forwarded("jaeger", 16686) as jaeger,
        lab.lbstudy(
            tmp_path,
            *("watch", f"{lab.namespace}/greeter-looked-back", "--since", "5m", "--out", str(out)),
            *("--prometheus", prometheus, "--jaeger", jaeger),
        ) as command,
    ):
        watch = command.finish(120)
    assert watch.code == 0, watch.err

    (ours,) = run.result["settings"]
    (theirs,) = json.loads((out / "result.json").read_text())["settings"]
    assert theirs["distribution"]["total"] == ours["distribution"]["total"]
    assert theirs["errors"]["client_by_code"] == ours["errors"]["client_by_code"]
    assert sum(ours["errors"]["client_by_code"].values()) > 400

    told, seen = discoveries(ours), discoveries(theirs)
    assert len(told) == 2  # one server was added, and two clients find it
    assert told.keys() == seen.keys()
    for view, seconds in told.items():
        assert not math.isnan(seconds)
        assert abs(seconds - seen[view]) <= WITHIN, view


def discoveries(setting: dict[str, Any]) -> dict[tuple[str, int], float]:
    """(added server, number of the client) → seconds from Ready to its first request; nan: censored."""
    clients = {name: number for number, name in enumerate(sorted(setting["clients"]))}
    return {
        (added["server"], clients[view["client"]]): math.nan
        if view["discovery"]["seconds"] is None
        else view["discovery"]["seconds"]
        for added in setting["adaptability"]["added"]
        for view in added["clients"]
    }
