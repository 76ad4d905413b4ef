"""A setting: a named set of channel and server options. Runs compare settings."""

import json
from typing import Annotated, Literal, Self

from endpoint_push.policy import Balancing
from endpoint_push.policy import Policy as PushPolicy
from pydantic import BeforeValidator, Field, JsonValue, model_validator

from lbstudy.config.arguments import ChannelArguments, ServerArguments
from lbstudy.config.base import Document, Seconds, Table

Policy = Literal["pick_first", "round_robin", "weighted_round_robin"]
Discovery = Literal["dns", "xds"]
DEFAULT_POLICY: Policy = "round_robin"
# gRPC silently ignores other keys (grpc/grpc-proto, service_config.proto).
SERVICE_CONFIG_KEYS = frozenset(
    {"loadBalancingPolicy", "loadBalancingConfig", "methodConfig", "retryThrottling", "healthCheckConfig"}
)


def _known_keys(value: object) -> object:
    if isinstance(value, dict):
        for key in value:
            if key not in SERVICE_CONFIG_KEYS:
                known = ", ".join(sorted(SERVICE_CONFIG_KEYS))
                raise ValueError(f"expected a key of gRPC's service config ({known}), found {key!r:.80}")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "expected values that JSON has (no dates, times, inf or nan), since gRPC reads it as JSON"
            ) from error
    return value


def _push_policy(value: object) -> object:
    if isinstance(value, dict):
        if "balancing" in value:
            raise ValueError("expected the balancing as the key policy, outside of [push]")
        try:
            PushPolicy.parse(json.dumps(value))
        except TypeError as error:
            raise ValueError("expected values that JSON has (no dates or times)") from error
    return value


class Drain(Table):
    """What a server does between SIGTERM and its end."""

    wait: Seconds = Field(
        default=1.0, ge=0, le=600, description="seconds, from 0 to 600: between NOT_SERVING and stop(grace)"
    )
    grace: Seconds = Field(
        default=5.0,
        ge=0,
        le=600,
        description="seconds, from 0 to 600: how long stop waits for RPCs in flight",
    )


class Setting(Document):
    """A setting file."""

    policy: Policy | None = Field(
        default=None,
        description='"pick_first", "round_robin" or "weighted_round_robin" (others through [service_config])',
    )
    service_config: Annotated[dict[str, JsonValue], BeforeValidator(_known_keys)] | None = Field(
        default=None, description="a table [service_config], gRPC's service config as it stands in JSON"
    )
    report_load: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="true or false: servers report their load in trailers (ORCA), for weighted_round_robin",
    )
    discovery: Discovery = Field(
        default="dns",
        description='"dns" or "xds": a control plane pushes the servers to clients that name xds:///SERVICE',
    )
    push: Annotated[dict[str, JsonValue], BeforeValidator(_push_policy)] = Field(
        default_factory=dict,
        description="a table [push] with retry and outlier_detection, which a control plane tells clients",
    )
    channel: ChannelArguments = Field(
        default_factory=dict, description="a table [channel] of gRPC channel arguments"
    )
    server: ServerArguments = Field(
        default_factory=dict, description="a table [server] of gRPC server arguments"
    )
    drain: Drain = Field(default=Drain(), description="a table [drain]")

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if self.policy is not None and self.service_config is not None:
            raise ValueError("expected either policy or [service_config], found both")
        return self

    @model_validator(mode="after")
    def _one_discovery(self) -> Self:
        if self.discovery == "dns" and self.push:
            raise ValueError('expected [push] only with discovery = "xds"')
        if self.discovery == "xds":
            if self.service_config is not None:
                raise ValueError(
                    'expected no [service_config] with discovery = "xds": the control plane sends [push]'
                )
            if self.policy is not None and self.policy not in list(Balancing):
                raise ValueError(f'expected policy {" or ".join(Balancing)} with discovery = "xds"')
        return self

    @property
    def push_policy_json(self) -> str | None:
        """Return the control plane's policy as JSON; None if clients discover servers through DNS."""
        if self.discovery == "dns":
            return None
        return json.dumps({"balancing": self.policy or DEFAULT_POLICY, **self.push})

    @property
    def load_balancing(self) -> str:
        """The policy's name, for people; "service config" if the setting has a whole service config."""
        return "service config" if self.service_config is not None else self.policy or DEFAULT_POLICY

    @property
    def service_config_json(self) -> str:
        """Return the service config that the clients get, as JSON."""
        if self.service_config is not None:
            return json.dumps(self.service_config)
        return json.dumps({"loadBalancingConfig": [{self.policy or DEFAULT_POLICY: {}}]})
