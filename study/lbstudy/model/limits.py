"""What a setting asks for and the model does not have: refused or named, never passed over in silence."""

from typing import Final

from lbstudy.config.setting import Setting
from lbstudy.model.parameters import PICK_FIRST, chosen_policies, policy_of

OUTLIER_DETECTION: Final = "outlier_detection_experimental"
_IDLE: Final = "grpc.client_idle_timeout_ms"
_ROUND_ROBIN: Final = "round_robin"
_WEIGHTED: Final = "weighted_round_robin"


def refusal(setting: Setting) -> str:
    """Why nothing can be simulated of a setting; "" where it can."""
    if setting.discovery != "dns":
        return f'expected discovery = "dns", found "{setting.discovery}", where nothing is looked up'
    policy = policy_of(setting)
    if policy not in {PICK_FIRST, _ROUND_ROBIN, _WEIGHTED}:
        return f"expected a policy of {PICK_FIRST}, {_ROUND_ROBIN} and {_WEIGHTED}, found {policy:.80}"
    return ""


def unmodelled(setting: Setting) -> list[str]:
    """What of a setting the model leaves out, in words."""
    config = setting.service_config or {}
    found = []
    policy = policy_of(setting)
    if policy == _WEIGHTED:
        found.append("the servers' weights (each gets the same)")
    elif policy not in {PICK_FIRST, _ROUND_ROBIN}:
        found.append(f"the policy {policy:.80} (taken as {_ROUND_ROBIN})")
    if OUTLIER_DETECTION in chosen_policies(config.get("loadBalancingConfig")) or (
        "outlier_detection" in setting.push
    ):
        found.append("outlier detection")
    if "healthCheckConfig" in config:
        found.append("health checking by the client")
    if _has_retries(config.get("methodConfig")) or "retry" in setting.push:
        found.append("retries (failed RPCs are those without)")
    if _IDLE in setting.channel:
        found.append(f"idle channels ({_IDLE})")
    return found


def _has_retries(methods: object) -> bool:
    return isinstance(methods, list) and any(
        isinstance(method, dict) and ("retryPolicy" in method or "hedgingPolicy" in method)
        for method in methods
    )
