"""A scenario: a timeline of scale steps, and the load."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lbstudy.config.autoscaler import Autoscaler
from lbstudy.config.base import NAME_PATTERN, Document, Int, Seconds, Str, Table
from lbstudy.config.error import clipped
from lbstudy.config.expected import MeasureName
from lbstudy.config.fault import MAX_DURATION, MAX_SERVERS, AnyFault
from lbstudy.config.load_kinds import Cold, LoadStream, TlsTable


class LoadStep(Table):
    """From an instant on, another rate; with a ramp, the rate changes gradually from that instant."""

    at: Seconds = Field(ge=0, le=MAX_DURATION, description="seconds since the load's start, from 0 to 86400")
    rate: Seconds = Field(ge=0, le=10_000, description="a number from 0 to 10000: RPC/s of each client")
    ramp: Seconds = Field(
        default=0.0,
        ge=0,
        le=MAX_DURATION,
        description="seconds, from 0 to 86400: how long the rate takes to get there, linearly (0: at once)",
    )


class Load(Table):
    """The open-loop load: every client sends at its rate, without waiting for answers."""

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
    request_size: Int = Field(
        default=0,
        ge=0,
        le=4_000_000,
        description="a whole number from 0 to 4000000: bytes added to a request",
    )
    answer_size: Int = Field(
        default=0,
        ge=0,
        le=4_000_000,
        description="a whole number from 0 to 4000000: bytes added to an answer",
    )
    stream: LoadStream | None = Field(default=None, description="a table [load.stream]")
    step: Annotated[list[LoadStep], Field(max_length=1000)] = Field(
        default_factory=list, description="at most 1000 tables [[load.step]] with at, rate and ramp"
    )

    @field_validator("step")
    @classmethod
    def _in_order(cls, steps: Sequence[LoadStep]) -> Sequence[LoadStep]:
        for number, (before, after) in enumerate(pairwise(steps), start=2):
            if after.at < before.at + before.ramp or after.at == before.at:
                raise ValueError(
                    f"expected [[load.step]] {number} later than the end of the one before it"
                    f" ({before.at + before.ramp:g} s), found at = {after.at:g}"
                )
        return steps

    @property
    def points(self) -> list[tuple[float, float]]:
        """Return each client's rate over time, linear between the points; empty if it never changes."""
        if not self.step:
            return []
        points = [(0.0, self.rate)]
        for step in self.step:
            points += [(step.at, points[-1][1]), (step.at + step.ramp, step.rate)]
        return points


class Server(Table):
    """What a server does for an answer, and how its readiness is probed, in Kubernetes' terms."""

    work: Seconds = Field(
        default=0.02, ge=0, le=60, description="seconds, from 0 to 60: the sleep that stands for work"
    )
    cold: Cold | None = Field(default=None, description="a table [server.cold]")
    concurrency: Int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="a whole number from 1 to 100000: RPCs worked on at a time, others wait (absent: all)",
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


Families = Literal["ipv4", "ipv6", "both"]
MAX_DOMAINS = 6
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
Domain = Annotated[Str, Field(pattern=rf"^{_DOMAIN}$", max_length=200)]


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
    families: Families = Field(
        default="ipv4",
        description='"ipv4" (A records only), "ipv6" (AAAA records only) or "both": what DNS has of a server',
    )
    search: Annotated[list[Domain], Field(max_length=MAX_DOMAINS)] = Field(
        default_factory=list,
        description=f'at most {MAX_DOMAINS} domains such as "svc.cluster.local": the search list of clients',
    )
    ndots: Int = Field(
        default=1,
        ge=0,
        le=15,
        description="a whole number from 0 to 15: a name with fewer dots is tried with the search list first",
    )

    @property
    def is_plain(self) -> bool:
        """Whether clients ask as on this machine, and get A records only."""
        return self.families == "ipv4" and not self.search


class Step(Table):
    """From an instant on, this many servers are wanted."""

    at: Seconds = Field(ge=0, le=MAX_DURATION, description="seconds since the load's start, from 0 to 86400")
    servers: Int = Field(
        ge=0,
        le=MAX_SERVERS,
        description=f"a whole number from 0 (but 1 in the first step) to {MAX_SERVERS}: servers wanted",
    )


_SHARE = re.compile(r"(100|\d{1,2})%")


def _limit(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SERVERS:
        return value
    if isinstance(value, str) and _SHARE.fullmatch(value):
        return value
    shown = clipped(repr(value) if isinstance(value, str) else str(value))
    raise ValueError(
        f'expected a whole number from 0 to {MAX_SERVERS}, or a share such as "25%", found {shown}'
    )


Limit = Annotated[int | str, BeforeValidator(_limit)]


class Replace(Table):
    """At an instant, all servers are replaced by as many new ones."""

    at: Seconds = Field(gt=0, le=MAX_DURATION, description="seconds since the load's start, up to 86400")
    how: Literal["rolling-update", "recreate", "evict"] = Field(
        description='"rolling-update", "recreate" (delete the Deployment, create it again) or "evict"'
    )
    max_surge: Limit = Field(
        default="25%",
        description='a number of pods, or a share such as "25%", rounded up: maxSurge of a rolling update',
    )
    max_unavailable: Limit = Field(
        default="25%",
        description='a number of pods, or a share such as "25%", rounded down: its maxUnavailable',
    )

    @model_validator(mode="after")
    def _limits_of_a_rolling_update(self) -> Self:
        limits = self.model_fields_set & {"max_surge", "max_unavailable"}
        if limits and self.how != "rolling-update":
            raise ValueError(f'expected {" and ".join(sorted(limits))} only with how = "rolling-update"')
        if self.max_surge in {0, "0%"} and self.max_unavailable in {0, "0%"}:
            raise ValueError("expected max_surge or max_unavailable above 0: nothing could be replaced")
        return self


class ExpectTable(Table):
    """An expectation of one of a setting's figures; if it is not met, the run's exit code says so."""

    setting: Str = Field(
        min_length=1, max_length=38, pattern=NAME_PATTERN, description="the name of a setting"
    )
    measure: MeasureName = Field(
        description='the name of a measure (lbstudy list shows them), such as "discovery.median"'
    )
    at_least: Seconds | None = Field(default=None, description="a number: the smallest value that is met")
    at_most: Seconds | None = Field(default=None, description="a number: the largest value that is met")

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
    tls: TlsTable | None = Field(default=None, description="a table [tls]")
    autoscaler: Autoscaler | None = Field(default=None, description="a table [autoscaler]")
    expect: Annotated[list[ExpectTable], Field(max_length=1000)] = Field(
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
        if self.load.step and (last := self.load.step[-1]).at + last.ramp > self.duration:
            raise ValueError(
                f"expected every [[load.step]], with its ramp, before the end (duration = {self.duration:g}),"
                f" found at = {last.at:g}, ramp = {last.ramp:g}"
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

    @model_validator(mode="after")
    def _one_who_decides(self) -> Self:
        if self.autoscaler is None:
            return self
        if len(self.step) > 1:
            raise ValueError(
                f"expected one [[step]] with [autoscaler], which decides from then on, found {len(self.step)}"
            )
        least, most = self.autoscaler.min_replicas, self.autoscaler.max_replicas
        if not least <= self.step[0].servers <= most:
            raise ValueError(
                f"expected [[step]] servers from min_replicas to max_replicas ({least} to {most}),"
                f" found {self.step[0].servers}"
            )
        if self.server.concurrency is None:
            raise ValueError(
                "expected concurrency in [server] with [autoscaler]: utilisation is a share of that capacity"
            )
        return self
