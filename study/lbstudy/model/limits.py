"""What the model lacks of a setting: it is refused or listed, never silently ignored."""

from typing import Final

from lbstudy.config.fault_kinds import FAULT_KINDS, MadeBy
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.parameters import PICK_FIRST, chosen_policies, policy_of

OUTLIER_DETECTION: Final = "outlier_detection_experimental"
_IDLE: Final = "grpc.client_idle_timeout_ms"
_ROUND_ROBIN: Final = "round_robin"
_WEIGHTED: Final = "weighted_round_robin"


def refusal(setting: Setting) -> str:
    """Return why a setting cannot be simulated; "" if it can."""
    if setting.discovery != "dns":
        return f'expected discovery = "dns", found "{setting.discovery}", which looks up nothing'
    policy = policy_of(setting)
    if policy not in {PICK_FIRST, _ROUND_ROBIN, _WEIGHTED}:
        return f"expected the policy {PICK_FIRST}, {_ROUND_ROBIN} or {_WEIGHTED}, found {policy:.80}"
    return ""


def unmodelled(setting: Setting) -> list[str]:
    """Return what the model ignores of a setting, in words."""
    config = setting.service_config or {}
    missing = []
    policy = policy_of(setting)
    if policy == _WEIGHTED:
        missing.append("the servers' weights (each gets the same)")
    elif policy not in {PICK_FIRST, _ROUND_ROBIN}:
        missing.append(f"the policy {policy:.80} (taken as {_ROUND_ROBIN})")
    if OUTLIER_DETECTION in chosen_policies(config.get("loadBalancingConfig")) or (
        "outlier_detection" in setting.push
    ):
        missing.append("outlier detection")
    if "healthCheckConfig" in config:
        missing.append("health checking by the client")
    if _has_retries(config.get("methodConfig")) or "retry" in setting.push:
        missing.append("retries (failed RPCs are counted as without retries)")
    if _IDLE in setting.channel:
        missing.append(f"idle channels ({_IDLE})")
    return missing


def unmodelled_load(scenario: Scenario) -> list[str]:
    """Return what the model ignores of a scenario's load and servers, in words."""
    missing = []
    if scenario.autoscaler is not None:
        missing.append("the autoscaler (nobody adds or removes servers)")
    if scenario.load.step:
        missing.append(f"a load that changes (it stays at {scenario.load.rate:g} RPC/s of each client)")
    if scenario.server.concurrency is not None:
        missing.append("the servers' capacity (no RPC waits for its turn)")
    if scenario.server.cold is not None:
        missing.append("servers that have to warm up ([server.cold]; each answer takes the work)")
    if scenario.load.request_size or scenario.load.answer_size:
        missing.append("the size of requests and answers")
    missing += _dns(scenario)
    if scenario.tls is not None:
        missing.append("what TLS adds to connecting")
    if scenario.load.stream is not None:
        missing.append("streams, but for what is said of them (failed RPCs are those with one answer)")
    return missing


def _dns(scenario: Scenario) -> list[str]:
    missing = []
    if scenario.dns.families == "both":
        missing.append("servers with two addresses (each has one, and is picked once in turn)")
    if scenario.dns.search:
        missing.append("the clients' search list (each look-up asks two questions)")
    if any(FAULT_KINDS[fault.kind].made_by is MadeBy.DNS for fault in scenario.fault):
        missing.append("faults of DNS (it answers at once, and both families)")
    return missing


def _has_retries(methods: object) -> bool:
    return isinstance(methods, list) and any(
        isinstance(method, dict) and ("retryPolicy" in method or "hedgingPolicy" in method)
        for method in methods
    )
