"""What a run records about itself: its plan, the machine, the versions."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise

import psutil

from lbstudy.config.fault import labels
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.result.model import NotApplied, Provenance
from lbstudy.result.source import Expected
from lbstudy.run.fit import no_tls, not_applied, warms_up
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import server_deployment
from lbstudy.store.description import DescribedAutoscaler, DescribedSetting, RunDescription

_PACKAGES = (
    "grpc-lb-study",
    "grpc-lb-instrumentor",
    "grpcio",
    "protobuf",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-grpc",
    "duckdb",
)
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run runs, to be kept with its result."""

    platform: str  # "local: pods as processes"
    machine: Mapping[str, str]  # what is known of the machine
    # in addition to those of the study's own packages
    versions: Mapping[str, str] = field(default_factory=dict)
    jaeger: str | None = None  # the URL of the Jaeger with the run's traces; None: the Collector's, if any
    prometheus: str | None = None


def this_machine(platform: str) -> Place:
    """Return this machine as the place of a run, by a platform that these words describe."""
    return Place(platform, runner())


def describe(plan: RunPlan, time_zero: float, place: Place) -> RunDescription:
    """Describe a run whose load starts at ``time_zero``, in seconds since the Unix epoch."""
    scenario = plan.scenario
    return RunDescription(
        time_zero_unix_nano=round(time_zero * 1e9),
        provenance=Provenance(
            run_id=plan.run_id,
            scenario=scenario.name,
            scenario_description=scenario.description,
            scenario_toml=scenario.toml,
            settings_toml={setting.name: setting.toml for setting in plan.settings},
            command=plan.command,
            started=datetime.fromtimestamp(time_zero, UTC).isoformat(timespec="milliseconds"),
            duration=scenario.duration,
            seed=plan.seed,
            subjects={setting.name: plan.programs(setting).name for setting in plan.settings},
            subjects_toml={subject.name: subject.toml for subject in map(plan.programs, plan.settings)},
            platform=place.platform,
            machine=dict(place.machine),
            versions=versions() | dict(place.versions),
            jaeger_url=plan.collector.jaeger if plan.collector else place.jaeger,
            prometheus_url=plan.collector.prometheus if plan.collector else place.prometheus,
        ),
        settings=[_setting(plan, setting) for setting in plan.settings],
        expectations=[Expected(**table.model_dump()) for table in scenario.expect],
        fault_kinds={
            label: fault.kind for label, fault in zip(labels(scenario.fault), scenario.fault, strict=True)
        },
        lookups_known=plan.venue.own_dns,
        autoscaler=_autoscaler(scenario),
    )


def _autoscaler(scenario: Scenario) -> DescribedAutoscaler | None:
    rules = scenario.autoscaler
    if rules is None:
        return None
    points = pairwise(scenario.load.points)
    return DescribedAutoscaler(
        target=rules.target_percent / 100,
        tolerance=rules.tolerance,
        latency_target=rules.latency_target,
        load_falls=next((at for (at, rate), (_, then) in points if then < rate), None),
    )


def _setting(plan: RunPlan, setting: Setting) -> DescribedSetting:
    return DescribedSetting(
        name=setting.name,
        description=setting.description,
        deployment=server_deployment(plan, setting),
        # Unknown if the programs are not the study's: then what was observed counts.
        instrumented=plan.programs(setting).client_program.instrument
        if plan.deployed_client(setting) is None
        else None,
        servers_instrumented=plan.programs(setting).server_program.instrument
        if plan.programs(setting).kubernetes is None
        else False,
        options={
            "policy": _policy(setting),
            "channel": dict(setting.channel),
            "server": dict(setting.server),
            "drain": {"wait": setting.drain.wait, "grace": setting.drain.grace},
            **_tls(plan, setting),
            **_cold(plan, setting),
        },
        not_applied=[
            NotApplied(who=option.who, option=option.option, why=option.why, told_by="study")
            for option in not_applied(plan.scenario, setting, plan.programs(setting))
        ],
    )


def _tls(plan: RunPlan, setting: Setting) -> dict[str, dict[str, int | float | str | bool]]:
    """Return how connections are encrypted; empty if they are not."""
    tls = plan.scenario.tls
    if tls is None or no_tls(setting, plan.programs(setting)):
        return {}
    return {"tls": {"key": tls.key, "clients": tls.clients}}


def _cold(plan: RunPlan, setting: Setting) -> dict[str, dict[str, int | float | str | bool]]:
    """How servers warm up; nothing where they are warm at once, or as their own programs have it."""
    cold = plan.scenario.server.cold
    if cold is None or not warms_up(plan.programs(setting)):
        return {}
    values = {"factor": cold.factor, "seconds": cold.seconds, "rpcs": cold.rpcs}
    return {"cold": {key: value for key, value in values.items() if value is not None}}


def versions() -> dict[str, str]:
    """What this program runs with."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def runner() -> dict[str, str]:
    """Describe the machine that this program runs on."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / _GIB:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }


def _policy(setting: Setting) -> dict[str, int | float | str | bool]:
    policy: dict[str, int | float | str | bool] = {"load balancing": setting.load_balancing}
    if setting.report_load:
        policy["servers report load"] = True
    if setting.push_policy_json is not None:
        policy["pushed over xDS"] = setting.push_policy_json
    return policy
