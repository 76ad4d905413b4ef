"""A real run that is sent to a real stack, for the tests of what can be found there.

Short, and with something of everything: a server that is added, found under one setting and not under the
other; two that are removed, one of them abruptly, with RPCs in flight; a fault on one; and a capacity that is
never reached.
"""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lbstudy.config import load_scenario, load_setting
from lbstudy.live.quiet import Quiet
from lbstudy.result.model import Result, SettingResult
from lbstudy.run.plan import Collector, RunPlan
from lbstudy.run.study import run_study
from lbstudy.venues.local import Local

from tests.stack.parts import GUARD, Stack

ABRUPT = "abrupt"
SWIFT = "swift"

_SCENARIO = """
name = "sent"
description = "2 servers, up to 3 at 3 s, down to 1 at 7 s"
duration = 10
[load]
clients = 2
rate = 15
timeout = 2
[load.stream]
kind = "bidi"
rate = 5
life = 4
share = 0.1
[server]
work = 0.3
concurrency = 50
[dns]
propagation = 0.2
[[step]]
at = 0
servers = 2
[[step]]
at = 3
servers = 3
[[step]]
at = 7
servers = 1
[[fault]]
kind = "latency"
at = 1
until = 2.5
servers = 1
seconds = 0.1
"""
_SETTINGS = {
    ABRUPT: 'policy = "round_robin"\n[drain]\nwait = 0\ngrace = 0\n',
    SWIFT: (
        'policy = "round_robin"\n[server]\ngrpc.max_connection_age_ms = 1000\n'
        "grpc.max_connection_age_grace_ms = 5000\n"
        "[channel]\ngrpc.dns_min_time_between_resolutions_ms = 500\n[drain]\nwait = 1\ngrace = 5\n"
    ),
}


@dataclass(frozen=True, slots=True)
class SentRun:
    """A run, and the stack that has it."""

    stack: Stack
    result: Result
    zero: float  # s since the epoch

    @property
    def run_id(self) -> str:
        return self.result.provenance.run_id

    def of(self, setting: str) -> SettingResult:
        return next(one for one in self.result.settings if one.name == setting)

    @property
    def end(self) -> float:
        return self.zero + self.result.provenance.duration


def send_run(stack: Stack, folder: Path) -> SentRun:
    """Run it, and wait until all of it has arrived."""
    scenario = _write(folder / "sent.toml", _SCENARIO)
    settings = [
        _write(folder / f"{name}.toml", f'name = "{name}"\ndescription = "{name}"\n{toml}')
        for name, toml in _SETTINGS.items()
    ]
    run_dir = folder / "run"
    run_dir.mkdir()
    plan = RunPlan(
        scenario=load_scenario(str(scenario)),
        settings=[load_setting(str(path)) for path in settings],
        run_dir=run_dir,
        run_id=f"sent-{time.time_ns()}",
        seed=1,
        command="lbstudy run",
        venue=Local(),
        collector=Collector(stack.otlp_grpc, stack.jaeger, stack.prometheus),
    )
    result = run_study(plan, Quiet())
    zero = datetime.fromisoformat(result.provenance.started).timestamp()
    run = SentRun(stack, result, zero)
    eventually(lambda: _has_arrived(run))
    return run


def _has_arrived(run: SentRun) -> bool:
    rpcs = sum(sum(setting.errors.client_by_code.values()) for setting in run.result.settings)
    counted = (
        f'sum(max_over_time(rpc_client_call_duration_seconds_count{{lbstudy_run_id="{run.run_id}"}}[5m]))'
    )
    changes = sum(
        len(s.adaptability.added) + len(s.adaptability.removed) + len(s.faults) for s in run.result.settings
    )
    return (
        value(run.stack, counted, time.time()) == rpcs
        and len(traces(run, "greeter-client", {"rpc.system": "grpc"})) == rpcs
        and len(traces(run, "lbstudy", {"lbstudy.censored": "true"}))
        + len(traces(run, "lbstudy", {"lbstudy.censored": "false"}))
        >= changes
    )


def traces(run: SentRun, service: str, tags: dict[str, str]) -> list[Any]:
    """The run's traces that have a span with these tags, by the API that Jaeger's web page asks."""
    told = json.dumps({"lbstudy.run.id": run.run_id} | tags)
    found: list[Any] = get(
        f"{run.stack.jaeger}/api/traces",
        service=service,
        tags=told,
        lookback="custom",
        start=str(round((run.zero - 60) * 1e6)),
        end=str(round((run.end + 600) * 1e6)),
        limit="1500",
    )["data"]
    return found


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another program does in its own time; nobody tells when."""
    until = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)


def get(url: str, **query: str) -> Any:  # noqa: ANN401 - what JSON holds
    """The JSON that a part answers."""
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=GUARD) as answer:
        return json.load(answer)


def value(stack: Stack, query: str, at: float) -> float | None:
    """The only value of a query at an instant."""
    found = get(f"{stack.prometheus}/api/v1/query", query=query, time=f"{at:.3f}")["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
