"""``lbstudy run --dry-run``: a plan as text and as JSON."""

import json
from dataclasses import asdict

from lbstudy.cli.workloads import copied
from lbstudy.config.scenario import Dns
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject
from lbstudy.run.fit import LeftOut, not_applied
from lbstudy.run.plan import Planned, RunPlan, largest, planned_rpcs, timeline


def plan_as_text(plan: RunPlan) -> str:
    """Describe for people what the run would do."""
    scenario = plan.scenario
    lines = [
        f"Scenario {scenario.name}: {scenario.description}",
        f"  load      {_load(plan)}",
        f"  servers   {_servers(plan)}",
        *_scaled(plan),
        *([f"  DNS       {_dns(scenario.dns)}"] if plan.venue.own_dns else []),
    ]
    lines.extend(f"Subject {subject.name}: {subject.description}" for subject in _subjects(plan))
    for setting in plan.settings:
        lines.append(f"Setting {setting.name}: {setting.description}")
        if plan.subjects:  # a single subject was named above
            lines.append(f"  subject   {plan.programs(setting).name}")
        lines.append(f"  policy    {setting.load_balancing}")
        if setting.push_policy_json is not None:
            lines.append(f"  push      over xDS: {setting.push_policy_json}")
        for table, arguments in (("channel", setting.channel), ("server", setting.server)):
            lines.extend(f"  {table:<10}{key} = {_value(value)}" for key, value in arguments.items())
        lines.append(f"  drain     wait {setting.drain.wait:g} s, grace {setting.drain.grace:g} s")
        lines.extend(
            f"  {option.who} will not apply {option.option}: {option.why}"
            for option in _not_applied(plan, setting)
        )
    lines.append("Timeline, for each setting:")
    lines.extend(f"  {planned.at:>7g} s  {_action(planned)}" for planned in timeline(plan))
    lines.append(
        f"In all: {_in_words(_rpcs(plan))} RPCs, at most {largest(plan)} servers at a time, seed {plan.seed},"
        f" results in {plan.run_dir}"
    )
    if plan.venue.announced:
        lines.append(plan.venue.announced)
    if differences := copied(plan):
        lines.append("What the run makes, and how it differs from the Deployments that were named:")
        lines.extend(f"  {line}" for line in differences)
    if plan.collector is not None:
        lines.append(f"Everything is also sent to the Collector at {plan.collector.endpoint}.")
    return "\n".join(lines)


def _dns(dns: Dns) -> str:
    text = f"TTL {dns.ttl} s, propagation {dns.propagation:g} s"
    if dns.families != "ipv4":
        text += {"ipv6": ", AAAA records only", "both": ", A and AAAA records"}[dns.families]
    if dns.search:
        text += f", clients search {' '.join(dns.search)} (ndots {dns.ndots})"
    return text


def plan_as_json(plan: RunPlan) -> str:
    """Describe as JSON what the run would do."""
    return json.dumps(
        {
            "scenario": plan.scenario.model_dump(mode="json"),
            "subjects": [
                {
                    "name": subject.name,
                    "description": subject.description,
                    "file": None if subject.path is None else str(subject.path),
                }
                for subject in _subjects(plan)
            ],
            "settings": [_setting(plan, setting) for setting in plan.settings],
            "timeline": [
                {"at": planned.at, "action": planned.action, "servers": planned.servers}
                | ({"manner": planned.manner} if planned.manner is not None else {})
                | ({"fault": asdict(planned.fault)} if planned.fault is not None else {})
                for planned in timeline(plan)
            ],
            "rpcs": _rpcs(plan),
            "seed": plan.seed,
            "run_dir": str(plan.run_dir),
            "collector": plan.collector and asdict(plan.collector),
            "venue": plan.venue.chosen,
            "copies": copied(plan),
        },
        indent=2,
        ensure_ascii=False,
    )


def _subjects(plan: RunPlan) -> list[Subject]:
    """Return the programs under study, each once; empty if the pods are copies of Deployments."""
    if plan.venue.runs_what_was_applied and not plan.workloads:
        return []
    return list({subject.name: subject for subject in map(plan.programs, plan.settings)}.values())


def _load(plan: RunPlan) -> str:
    """Return who sends the load: the study's client, the user's own pods, or both."""
    clients = dict.fromkeys(map(plan.deployed_client, plan.settings))
    load = plan.scenario.load
    steps = "".join(
        f"; {step.rate:g} from {step.at + step.ramp:g} s on"
        + (f", in a line from {step.at:g} s" if step.ramp else "")
        for step in load.step
    )
    return "; ".join(
        f"{load.clients} clients × {load.rate:g} RPC/s each{steps}, time-out {load.timeout:g} s"
        if name is None
        else f"what one pod of deployment/{name} sends"
        for name in clients
    )


def _servers(plan: RunPlan) -> str:
    server = plan.scenario.server
    capacity = "" if server.concurrency is None else f", at most {server.concurrency} RPCs at a time"
    return f"answer after {server.work:g} s{capacity}, probed every {server.probe_period} s"


def _scaled(plan: RunPlan) -> list[str]:
    rules = plan.scenario.autoscaler
    if rules is None:
        return []
    bounds = f"from {rules.min_replicas} to {rules.max_replicas} servers"
    kept = f"to {rules.target_percent} % of their capacity in the mean, every {rules.sync_period:g} s"
    return [f"  scaled    {bounds}, {kept} (by the study, with the HPA's algorithm)"]


def _rpcs(plan: RunPlan) -> int | None:
    """Return how many RPCs are planned; None if the user's own clients decide that."""
    return None if any(map(plan.deployed_client, plan.settings)) else planned_rpcs(plan)


def _in_words(rpcs: int | None) -> str:
    return "the clients' own" if rpcs is None else str(rpcs)


def _not_applied(plan: RunPlan, setting: Setting) -> list[LeftOut]:
    return not_applied(plan.scenario, setting, plan.programs(setting))


def _setting(plan: RunPlan, setting: Setting) -> dict[str, object]:
    values: dict[str, object] = setting.model_dump(mode="json", exclude={"policy", "service_config"})
    return values | {
        "service_config": json.loads(setting.service_config_json),
        "subject": None
        if plan.venue.runs_what_was_applied and not plan.workloads
        else plan.programs(setting).name,
        "not_applied": [asdict(option) for option in _not_applied(plan, setting)],
    }


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
