"""What the platform is asked to run for each setting: names and specs, from the plan alone."""

from lbstudy.config.fault import OnStarts
from lbstudy.config.setting import Setting
from lbstudy.platform.interface import ClientSpec, Probe, PushSpec, ServerSpec
from lbstudy.run.environment import pod_environment
from lbstudy.run.plan import RunPlan


def server_deployment(setting: str) -> str:
    """The name of a setting's Deployment of servers, and of its headless Service."""
    return f"greeter-{setting}"


def client_deployment(setting: str) -> str:
    """The name of a setting's Deployment of clients."""
    return f"client-{setting}"


def server_spec(plan: RunPlan, setting: Setting, endpoint: str) -> ServerSpec:
    """The servers of a setting, as many as the scenario begins with."""
    name, server = server_deployment(setting.name), plan.scenario.server
    return ServerSpec(
        name=name,
        replicas=plan.scenario.step[0].servers,
        work=server.work,
        probe=Probe(server.probe_period, server.probe_timeout, server.probe_failures),
        report_load=setting.report_load,
        control=bool(plan.scenario.fault),
        held=any(isinstance(fault, OnStarts) for fault in plan.scenario.fault),
        drain_wait=setting.drain.wait,
        drain_grace=setting.drain.grace,
        channel_args=setting.server,
        env=pod_environment(
            endpoint=endpoint,
            service="greeter-server",
            deployment=name,
            setting=setting.name,
            run_id=plan.run_id,
            container="server",
        ),
        push=_push_spec(plan, setting, endpoint),
    )


def _push_spec(plan: RunPlan, setting: Setting, endpoint: str) -> PushSpec | None:
    policy = setting.push_policy_json
    if policy is None:
        return None
    env = pod_environment(
        endpoint=endpoint,
        service="endpoint-push",
        deployment=f"push-{server_deployment(setting.name)}",
        setting=setting.name,
        run_id=plan.run_id,
        container="control-plane",
    )
    return PushSpec(policy, env)


def client_spec(plan: RunPlan, setting: Setting, endpoint: str, start_at: float) -> ClientSpec:
    """The clients of a setting; their load starts at ``start_at``, seconds since the Unix epoch."""
    name = client_deployment(setting.name)
    load = plan.scenario.load
    return ClientSpec(
        name=name,
        server=server_deployment(setting.name),
        clients=load.clients,
        rate=load.rate,
        timeout=load.timeout,
        start_at=start_at,
        duration=plan.scenario.duration,
        channel_args=setting.channel,
        service_config=setting.service_config_json,
        seed=plan.seed,
        env=pod_environment(
            endpoint=endpoint,
            service="greeter-client",
            deployment=name,
            setting=setting.name,
            run_id=plan.run_id,
            container="client",
        ),
    )
