"""``lbstudy run --dry-run``: a plan as text and as JSON."""

import json
from dataclasses import asdict

from lbstudy.config.setting import Setting
from lbstudy.run.plan import Planned, RunPlan, largest, planned_rpcs, timeline


def plan_as_text(plan: RunPlan) -> str:
    """Write for people what the run would do."""
    scenario, load = plan.scenario, plan.scenario.load
    lines = [
        f"Scenario {scenario.name}: {scenario.description}",
        f"  load      {load.clients} clients × {load.rate:g} RPC/s each, time-out {load.timeout:g} s",
        f"  servers   answer after {scenario.server.work:g} s, probed every {scenario.server.probe_period} s",
        *(
            [f"  DNS       TTL {scenario.dns.ttl} s, propagation {scenario.dns.propagation:g} s"]
            if plan.cluster is None  # a cluster's DNS is its own
            else []
        ),
    ]
    for setting in plan.settings:
        lines.append(f"Setting {setting.name}: {setting.description}")
        lines.append(f"  policy    {setting.load_balancing}")
        if setting.push_policy_json is not None:
            lines.append(f"  push      over xDS: {setting.push_policy_json}")
        for table, arguments in (("channel", setting.channel), ("server", setting.server)):
            lines.extend(f"  {table:<10}{key} = {_value(value)}" for key, value in arguments.items())
        lines.append(f"  drain     wait {setting.drain.wait:g} s, grace {setting.drain.grace:g} s")
    lines.append("Timeline, for each setting:")
    lines.extend(f"  {one.at:>7g} s  {_action(one)}" for one in timeline(plan))
    lines.append(
        f"In all: {planned_rpcs(plan)} RPCs, at most {largest(plan)} servers at a time, seed {plan.seed},"
        f" results in {plan.run_dir}"
    )
    if plan.cluster is not None:
        context = plan.cluster.context or "the kubeconfig's current context"
        lines.append(f"On Kubernetes: namespace {plan.cluster.namespace} of {context}.")
    if plan.collector is not None:
        lines.append(f"Everything is sent on to the Collector at {plan.collector.endpoint} too.")
    return "\n".join(lines)


def plan_as_json(plan: RunPlan) -> str:
    """Write for programs what the run would do."""
    return json.dumps(
        {
            "scenario": plan.scenario.model_dump(mode="json"),
            "settings": [_setting(setting) for setting in plan.settings],
            "timeline": [
                {"at": one.at, "action": one.action, "servers": one.servers}
                | ({"manner": one.manner} if one.manner is not None else {})
                | ({"fault": asdict(one.fault)} if one.fault is not None else {})
                for one in timeline(plan)
            ],
            "rpcs": planned_rpcs(plan),
            "seed": plan.seed,
            "run_dir": str(plan.run_dir),
            "collector": plan.collector and asdict(plan.collector),
            "cluster": plan.cluster and asdict(plan.cluster),
        },
        indent=2,
        ensure_ascii=False,
    )


def _setting(setting: Setting) -> dict[str, object]:
    values: dict[str, object] = setting.model_dump(mode="json", exclude={"policy", "service_config"})
    return values | {"service_config": json.loads(setting.service_config_json)}


def _action(planned: Planned) -> str:
    if planned.fault is not None:
        return planned.fault.label if planned.action == "inject" else f"end of: {planned.fault.label}"
    servers = "1 server" if planned.servers == 1 else f"{planned.servers} servers"
    match planned.action:
        case "start":
            return f"the load starts, {servers} Ready"
        case "scale":
            direction = "up" if planned.servers > planned.before else "down"
            if planned.servers == planned.before:
                return f"still {servers}"
            return f"scale {direction} from {planned.before} to {servers}"
        case "replace":
            return f"{planned.manner}: {servers} replaced by new ones"
        case _:
            return "the load ends"


def _value(value: int | str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)
