"""A scenario: a timeline of scale steps, and the load meanwhile."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from lbstudy.config.base import NAME_PATTERN, Document, Int, Seconds, Str, Table
from lbstudy.config.error import clipped, nearest
from lbstudy.config.expected import MEASURES
from lbstudy.config.fault import MAX_DURATION, MAX_SERVERS, AnyFault


class Load(Table):
    """The open-loop load: every client sends at its rate, whatever the answers do."""

    clients: Int = Field(
        default=2,
        ge=1,
        le=1000,
        description="a whole number from 1 to 1000: simulated clients, each one gRPC channel",
    )
    rate: Seconds = Field(
        default=30.0, gt=0, le=10_000, description="a number above 0, up to 10000: RPC/s of each client"
    )
    timeout: Seconds = Field(
        default=5.0, gt=0, le=3600, description="seconds, above 0 and up to 3600: the deadline of an RPC"
    )


class Server(Table):
    """What a server does for an answer, and how its readiness is probed, in Kubernetes' words."""

    work: Seconds = Field(
        default=0.02, ge=0, le=60, description="seconds, from 0 to 60: the sleep that stands for work"
    )
    probe_period: Int = Field(
        default=1, ge=1, le=3600, description="whole seconds, from 1 to 3600: periodSeconds"
    )
    probe_timeout: Int = Field(
        default=1, ge=1, le=3600, description="whole seconds, from 1 to 3600: timeoutSeconds"
    )
    probe_failures: Int = Field(
        default=3,
        ge=1,
        le=100,
        description="a whole number from 1 to 100: failureThreshold, failures in a row until not Ready",
    )


class Dns(Table):
    """How DNS publishes the servers."""

    ttl: Int = Field(
        default=5, ge=0, le=86_400, description="whole seconds, from 0 to 86400: the records' TTL"
    )
    propagation: Seconds = Field(
        default=0.5,
        ge=0,
        le=600,
        description="seconds, from 0 to 600: from a change of readiness to the change in DNS",
    )


class Step(Table):
    """From an instant on, so many servers are wanted."""

    at: Seconds = Field(ge=0, le=MAX_DURATION, description="seconds since the load's start, from 0 to 86400")
    servers: Int = Field(
        ge=0,
        le=MAX_SERVERS,
        description=f"a whole number from 0 (but 1 in the first step) to {MAX_SERVERS}: servers wanted",
    )


class Replace(Table):
    """At an instant, all servers are replaced by new ones, as many as before."""

    at: Seconds = Field(gt=0, le=MAX_DURATION, description="seconds since the load's start, up to 86400")
    how: Literal["rolling-update", "recreate", "evict"] = Field(
        description='"rolling-update", "recreate" (delete the Deployment, create it again) or "evict"'
    )


class Expectation(Table):
    """What a figure of a setting's result should be; the run's exit code tells whether it was."""

    setting: Str = Field(
        min_length=1, max_length=38, pattern=NAME_PATTERN, description="the name of a setting"
    )
    measure: Str = Field(
        description='the name of a measure (lbstudy list shows them), such as "discovery.median"'
    )
    at_least: Seconds | None = Field(default=None, description="a number: the smallest value that is met")
    at_most: Seconds | None = Field(default=None, description="a number: the largest value that is met")

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, measure: str) -> str:
        if measure not in MEASURES:
            raise ValueError(
                f'expected a measure that "lbstudy list" shows, found "{clipped(measure)}"'
                f"{nearest(measure, MEASURES)}"
            )
        return measure

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"expected at_least to be no more than at_most, found {self.at_least:g} > {self.at_most:g}"
            )
        return self


class Scenario(Document):
    """A scenario file."""

    duration: Seconds = Field(
        gt=0, le=MAX_DURATION, description="seconds, above 0 and up to 86400: how long the load lasts"
    )
    load: Load = Field(default=Load(), description="a table [load]")
    server: Server = Field(default=Server(), description="a table [server]")
    dns: Dns = Field(default=Dns(), description="a table [dns]")
    step: list[Step] = Field(
        min_length=1, max_length=1000, description="1 to 1000 tables [[step]] with at and servers"
    )
    replace: Annotated[list[Replace], Field(max_length=100)] = Field(
        default_factory=list, description="at most 100 tables [[replace]] with at and how"
    )
    fault: Annotated[list[AnyFault], Field(max_length=100)] = Field(
        default_factory=list, description="at most 100 tables [[fault]] with kind, at and more"
    )
    expect: Annotated[list[Expectation], Field(max_length=1000)] = Field(
        default_factory=list, description="at most 1000 tables [[expect]]"
    )

    @field_validator("step")
    @classmethod
    def _in_order(cls, steps: Sequence[Step]) -> Sequence[Step]:
        if steps[0].at != 0:
            raise ValueError(f"expected the first [[step]] at = 0, found {steps[0].at:g}")
        if steps[0].servers == 0:
            raise ValueError("expected the first [[step]] to have at least 1 server, found servers = 0")
        for number, (before, after) in enumerate(pairwise(steps), start=2):
            if after.at <= before.at:
                raise ValueError(
                    f"expected [[step]] {number} later than the one before it ({before.at:g} s),"
                    f" found at = {after.at:g}"
                )
        return steps

    @model_validator(mode="after")
    def _steps_within(self) -> Self:
        if self.step[-1].at >= self.duration:
            raise ValueError(
                f"expected every [[step]] before the end (duration = {self.duration:g}),"
                f" found at = {self.step[-1].at:g}"
            )
        for replace in self.replace:
            if replace.at >= self.duration:
                raise ValueError(
                    f"expected every [[replace]] before the end (duration = {self.duration:g}),"
                    f" found at = {replace.at:g}"
                )
        for fault in self.fault:
            if fault.at >= self.duration or (fault.until or 0) > self.duration:
                raise ValueError(
                    f"expected every [[fault]] within the load's time (duration = {self.duration:g}),"
                    f" found at = {fault.at:g}" + (f", until = {fault.until:g}" if fault.until else "")
                )
        return self
