"""What a run says of itself: its plan, the machine, the versions."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from lbstudy.config.setting import Setting
from lbstudy.result.model import Provenance
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import server_deployment
from lbstudy.store.description import DescribedExpectation, DescribedSetting, RunDescription

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
    """Where a run runs, for its provenance."""

    platform: str  # "local: pods as processes"
    machine: Mapping[str, str]  # what is to be known of it
    versions: Mapping[str, str] = field(default_factory=dict)  # besides those of the study's own packages


def this_machine() -> Place:
    """The place of a run on this machine."""
    return Place("local: pods as processes", runner())


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
            platform=place.platform,
            machine=dict(place.machine),
            versions={"python": platform.python_version()}
            | {name: version(name) for name in _PACKAGES}
            | dict(place.versions),
            jaeger_url=plan.collector.jaeger if plan.collector else None,
            prometheus_url=plan.collector.prometheus if plan.collector else None,
        ),
        settings=[_setting(setting) for setting in plan.settings],
        expectations=[
            DescribedExpectation(
                setting=expected.setting,
                measure=expected.measure,
                at_least=expected.at_least,
                at_most=expected.at_most,
            )
            for expected in scenario.expect
        ],
    )


def _setting(setting: Setting) -> DescribedSetting:
    return DescribedSetting(
        name=setting.name,
        description=setting.description,
        deployment=server_deployment(setting.name),
        options={
            "policy": _policy(setting),
            "channel": dict(setting.channel),
            "server": dict(setting.server),
            "drain": {"wait": setting.drain.wait, "grace": setting.drain.grace},
        },
    )


def runner() -> dict[str, str]:
    """The machine that this program runs on."""
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
