"""Names and specs of what the platform runs for each setting, from the plan alone."""

from lbstudy.config.fault import OnStarts
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject
from lbstudy.observation import attributes
from lbstudy.platform.interface import ClientSpec, ColdSpec, Probe, PushSpec, ServerSpec, StreamSpec, Tls
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.platform.program import ClientProgram, Look, Readiness, ServerProgram
from lbstudy.run.environment import pod_environment
from lbstudy.run.fit import capacity, fitted, no_tls
from lbstudy.run.plan import RunPlan, course


def server_deployment(plan: RunPlan, setting: Setting) -> str:
    """Return the name of a setting's Deployment of servers, and of its headless Service."""
    # With several subjects, each setting's name begins with its subject's name.
    return setting.name if plan.subjects else f"{plan.subject.name}-{setting.name}"


def workloads_by_deployment(plan: RunPlan) -> dict[str, Workloads]:
    """Return, by Deployment of servers, the Deployment that it is copied from."""
    return {
        server_deployment(plan, setting): plan.workloads[name]
        for setting in plan.settings
        if (name := plan.programs(setting).name) in plan.workloads
    }


def servers_of(plan: RunPlan) -> dict[str, str]:
    """Return the setting of each Deployment of servers, by the Deployment's name."""
    return {server_deployment(plan, setting): setting.name for setting in plan.settings}


def server_services(plan: RunPlan) -> dict[str, str]:
    """Return ``service.name`` of the pods of each Deployment of servers."""
    return {
        server_deployment(plan, setting): attributes.service_name(plan.programs(setting).name, "server")
        for setting in plan.settings
    }


def client_deployment(setting: str) -> str:
    """Return the name of a setting's Deployment of clients."""
    return f"client-{setting}"


def server_spec(plan: RunPlan, setting: Setting, endpoint: str) -> ServerSpec:
    """Return the servers of a setting, as many as the scenario begins with."""
    name, server = server_deployment(plan, setting), plan.scenario.server
    faults = fitted(plan.scenario, plan.programs(setting)).fault
    concurrency = capacity(plan.scenario, plan.programs(setting))
    return ServerSpec(
        name=name,
        replicas=plan.scenario.step[0].servers,
        work=server.work,
        probe=Probe(server.probe_period, server.probe_timeout, server.probe_failures),
        report_load=setting.report_load,
        control=bool(faults) or concurrency is not None,
        faults=frozenset(fault.kind for fault in faults),
        concurrency=concurrency,
        held=any(isinstance(fault, OnStarts) for fault in faults),
        drain_wait=setting.drain.wait,
        drain_grace=setting.drain.grace,
        channel_args=setting.server,
        env=pod_environment(
            endpoint=endpoint,
            service=attributes.service_name(plan.programs(setting).name, "server"),
            deployment=name,
            setting=setting.name,
            run_id=plan.run_id,
            container="server",
        ),
        push=_push_spec(plan, setting, endpoint),
        tls=_tls(plan, setting),
        cold=ColdSpec(**server.cold.model_dump()) if server.cold else None,
        texts=_texts(plan, setting) | {"seed": str(plan.seed)},
        program=server_program(plan.programs(setting)),
    )


def _push_spec(plan: RunPlan, setting: Setting, endpoint: str) -> PushSpec | None:
    policy = setting.push_policy_json
    if policy is None:
        return None
    env = pod_environment(
        endpoint=endpoint,
        service="endpoint-push",
        deployment=f"push-{server_deployment(plan, setting)}",
        setting=setting.name,
        run_id=plan.run_id,
        container="control-plane",
    )
    return PushSpec(policy, env)


def client_spec(plan: RunPlan, setting: Setting, endpoint: str, start_at: float) -> ClientSpec:
    """Return the clients of a setting; their load starts at ``start_at``, seconds since the Unix epoch."""
    name = client_deployment(setting.name)
    load, load_course = plan.scenario.load, course(plan.scenario)
    return ClientSpec(
        name=name,
        server=server_deployment(plan, setting),
        clients=load.clients,
        rate=load.rate,
        rates="" if load_course is None else str(load_course),
        timeout=load.timeout,
        start_at=start_at,
        duration=plan.scenario.duration,
        channel_args=setting.channel,
        service_config=setting.service_config_json,
        seed=plan.seed,
        tls=_tls(plan, setting),
        request_size=load.request_size,
        answer_size=load.answer_size,
        stream=StreamSpec(**load.stream.model_dump()) if load.stream else None,
        env=pod_environment(
            endpoint=endpoint,
            service=attributes.service_name(plan.programs(setting).name, "client"),
            deployment=name,
            setting=setting.name,
            run_id=plan.run_id,
            container="client",
        ),
        texts=_texts(plan, setting),
        program=client_program(plan.programs(setting)),
    )


def _tls(plan: RunPlan, setting: Setting) -> Tls | None:
    if plan.scenario.tls is None or no_tls(setting, plan.programs(setting)):
        return None
    return Tls(plan.scenario.tls.key, plan.scenario.tls.clients)


def server_program(subject: Subject) -> ServerProgram:
    """Return the program of a subject's servers, for a platform."""
    server = subject.server_program
    ready = server.ready
    return ServerProgram(
        command=server.command,
        env=server.environment,
        instrument=server.instrument,
        folder=str(subject.folder),
        port=server.port,
        preload=server.preload,
        readiness=Readiness(Look(ready.by), ready.service, ready.path, ready.port, ready.within),
        signal=server.end.signal,
        patience=server.end.patience,
    )


def client_program(subject: Subject) -> ClientProgram:
    """Return the program of a subject's clients, for a platform."""
    client = subject.client_program
    return ClientProgram(
        command=client.command,
        env=client.environment,
        instrument=client.instrument,
        folder=str(subject.folder),
        system_resolver=client.resolver == "system",
    )


def _texts(plan: RunPlan, setting: Setting) -> dict[str, str]:
    return {"run": plan.run_id, "setting": setting.name}
