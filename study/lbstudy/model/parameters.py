"""What the model knows of a client and of its servers' settings. All times are seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lbstudy.config.arguments import Argument
from lbstudy.config.notes import DEFAULT_MIN_INTERVAL_MS, MAX_AGE, MIN_INTERVAL
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import DEFAULT_POLICY, Setting

PICK_FIRST: Final = "pick_first"
AGE_JITTER: Final = 0.1
"""gRPC's legacy_channel_idle_filter.cc: each connection's age is multiplied by 0.9 to 1.1, uniformly."""
BACKOFF_MULTIPLIER: Final = 1.6
BACKOFF_JITTER: Final = 0.2
"""gRPC's subchannel.cc (and doc/connection-backoff.md)."""
_INITIAL_BACKOFF: Final = "grpc.initial_reconnect_backoff_ms"
_LONGEST_BACKOFF: Final = "grpc.max_reconnect_backoff_ms"


@dataclass(frozen=True, slots=True)
class Parameters:
    """A setting and its surroundings, in the model's terms."""

    policy: str = DEFAULT_POLICY
    min_interval: float = DEFAULT_MIN_INTERVAL_MS / 1000  # from the start of a resolution to the next one's
    max_age: float = math.inf  # of a connection, before its jitter
    first_backoff: float = 1.0
    longest_backoff: float = 120.0
    propagation: float = 0.5  # from Ready, or terminating, to DNS
    drain_wait: float = 1.0  # from SIGTERM to GOAWAY
    drain_grace: float = 5.0  # from GOAWAY to the end of the RPCs in flight
    ready: float = 1.0  # from a scale command to Ready
    rate: float = 30.0  # RPC/s of a client
    work: float = 0.02  # that a server takes for an answer
    timeout: float = 5.0  # of an RPC
    lookup: float = 0.005  # from a resolution's start to the new address list
    connect: float = 0.003  # from an attempt to READY, or to its refusal

    @classmethod
    def of(cls, setting: Setting, scenario: Scenario) -> "Parameters":
        """What a setting's files and a scenario's say; what they leave open is gRPC's default."""
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
        """Whether a client has a connection to each server that it knows (pick_first: to one of them)."""
        return self.policy != PICK_FIRST

    @property
    def ages(self) -> bool:
        """Whether the servers end connections for their age."""
        return math.isfinite(self.max_age)


def policy_of(setting: Setting) -> str:
    """The policy that spreads the RPCs: of several in a service config the first, under others the inmost."""
    config = setting.service_config
    if config is None:
        return setting.policy or DEFAULT_POLICY
    if chosen := chosen_policies(config.get("loadBalancingConfig")):
        return chosen[-1]
    named = config.get("loadBalancingPolicy")
    return str(named).lower() if isinstance(named, str) else PICK_FIRST


def chosen_policies(listed: object) -> list[str]:
    """Of a service config's list of policies the one that gRPC takes, and those under it, outermost first."""
    if not (isinstance(listed, list) and listed and isinstance(listed[0], dict) and listed[0]):
        return []
    name, options = next(iter(listed[0].items()))
    below = options.get("childPolicy") if isinstance(options, dict) else None
    return [str(name), *chosen_policies(below)]


def milliseconds(arguments: Mapping[str, Argument], key: str, default: float) -> float:
    """An argument in ms as seconds; gRPC takes its default where the value is no whole number.

    The largest 32-bit number means "never" (gRPC: GRPC_MILLIS_INF_FUTURE).
    """
    value = arguments.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return default / 1000
    return math.inf if value == 2**31 - 1 else max(value, 0) / 1000


def warm_up(parameters: Parameters, servers: int) -> tuple[float, float]:
    """How long before time 0 a client has to begin, in s, for its phase to be anyone's.

    Returns:
        The shortest time: a few of its usual ways from one look-up to the next, which is a minimum interval
        and until the next of its connections, whose ages are stationary, ends. And what to add of it at
        random: the minimum interval, since a client one of whose connections ends in each looks up DNS like
        clockwork. Both 0 where nothing ends: such a client made its look-up long ago.
    """
    connections = max(servers, 1) if parameters.connects_to_all else 1
    usual = parameters.min_interval + parameters.max_age / connections
    return (3 * usual, parameters.min_interval) if math.isfinite(usual) else (0.0, 0.0)
