"""The model's parameters of a client and of its servers' settings. All times are in seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lbstudy.config.arguments import INT32, Argument
from lbstudy.config.notes import DEFAULT_MIN_INTERVAL_MS, MAX_AGE, MIN_INTERVAL
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import DEFAULT_POLICY, Setting

PICK_FIRST: Final = "pick_first"
AGE_JITTER: Final = 0.1
"""gRPC's legacy_channel_idle_filter.cc multiplies each connection's age by 0.9 to 1.1, uniformly."""
BACKOFF_MULTIPLIER: Final = 1.6
BACKOFF_JITTER: Final = 0.2
"""gRPC's subchannel.cc (and doc/connection-backoff.md)."""
RESOLVER_BACKOFF: Final = 1.0
LONGEST_RESOLVER_BACKOFF: Final = 120.0
"""s until a look-up that brings no address is tried again (gRPC's polling_resolver.cc)."""
_INITIAL_BACKOFF: Final = "grpc.initial_reconnect_backoff_ms"
_LONGEST_BACKOFF: Final = "grpc.max_reconnect_backoff_ms"


@dataclass(frozen=True, slots=True)
class Parameters:
    """A setting and its surroundings, in the model's terms."""

    policy: str = DEFAULT_POLICY
    # from the start of a resolution to the start of the next
    min_interval: float = DEFAULT_MIN_INTERVAL_MS / 1000
    max_age: float = math.inf  # of a connection, before its random factor
    first_backoff: float = 1.0
    longest_backoff: float = 120.0
    propagation: float = 0.5  # from Ready, or terminating, to DNS
    drain_wait: float = 1.0  # from SIGTERM to GOAWAY
    drain_grace: float = 5.0  # from GOAWAY to the end of the RPCs in flight
    ready: float = 1.0  # from a scale command to Ready
    rate: float = 30.0  # RPC/s of a client
    work: float = 0.02  # that an answer takes
    timeout: float = 5.0  # of an RPC
    lookup: float = 0.005  # from a resolution's start to the new address list
    connect: float = 0.003  # from an attempt to READY, or to its refusal

    @classmethod
    def of(cls, setting: Setting, scenario: Scenario) -> "Parameters":
        """Make parameters from a setting and a scenario; what they leave open has gRPC's default."""
        return cls(
            policy=policy_of(setting),
            min_interval=milliseconds(setting.channel, MIN_INTERVAL, DEFAULT_MIN_INTERVAL_MS),
            max_age=milliseconds(setting.server, MAX_AGE, math.inf),
            first_backoff=milliseconds(setting.channel, _INITIAL_BACKOFF, 1000),
            longest_backoff=milliseconds(setting.channel, _LONGEST_BACKOFF, 120_000),
            propagation=scenario.dns.propagation,
            drain_wait=setting.drain.wait,
            drain_grace=setting.drain.grace,
            rate=scenario.load.rate,
            work=scenario.server.work,
            timeout=scenario.load.timeout,
        )

    @property
    def connects_to_all(self) -> bool:
        """Whether a client connects to each server that it knows (pick_first: to one of them)."""
        return self.policy != PICK_FIRST

    @property
    def ages(self) -> bool:
        """Whether the servers end connections because of their age."""
        return math.isfinite(self.max_age)


def policy_of(setting: Setting) -> str:
    """Return the policy that spreads the RPCs: a service config's first known, innermost one."""
    config = setting.service_config
    if config is None:
        return setting.policy or DEFAULT_POLICY
    if chosen := chosen_policies(config.get("loadBalancingConfig")):
        return chosen[-1]
    named = config.get("loadBalancingPolicy")
    return str(named).lower() if isinstance(named, str) else PICK_FIRST


def chosen_policies(listed: object) -> list[str]:
    """Return the policy that gRPC takes from a service config's list, then those within it."""
    if not (isinstance(listed, list) and listed and isinstance(listed[0], dict) and listed[0]):
        return []
    name, options = next(iter(listed[0].items()))
    below = options.get("childPolicy") if isinstance(options, dict) else None
    return [str(name), *chosen_policies(below)]


def milliseconds(arguments: Mapping[str, Argument], key: str, default: float) -> float:
    """Return an argument in ms as seconds; gRPC takes its default if the value is not an integer.

    The largest 32-bit number means "never" (gRPC: GRPC_MILLIS_INF_FUTURE).
    """
    value = arguments.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return default / 1000
    return math.inf if value == INT32 else max(value, 0) / 1000


def why_never(arguments: Mapping[str, Argument], key: str) -> str:
    """Say why a duration is endless, for an argument for which ``milliseconds`` gives infinity."""
    value = arguments.get(key)
    if value is None:
        return f"{key} is not set"
    if value == INT32:
        return f"{key} = {value}, which means never"
    return f"{key} = {value!r} is no whole number: gRPC takes its default, never"


def warm_up(parameters: Parameters, servers: int) -> tuple[float, float]:
    """Return how long before time 0 a client must begin, in s, so that its phase is random.

    Returns:
        The shortest time: a few usual times from one resolution to the next, each a minimum interval plus the
            time until the next of its connections ends (their ages are stationary). And a random addition:
            the minimum interval, because a client resolves at regular intervals if in each of them one of its
            connections ends. Both are 0 if connections never end: such a client made its last resolution long
            ago.
    """
    connections = max(servers, 1) if parameters.connects_to_all else 1
    usual = parameters.min_interval + parameters.max_age / connections
    return (3 * usual, parameters.min_interval) if math.isfinite(usual) else (0.0, 0.0)
