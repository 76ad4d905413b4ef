"""Faults of a scenario: trouble on particular servers, or on the way to them, from one instant to another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lbstudy.config.base import Int, Seconds, Table

MAX_DURATION = 86_400.0
MAX_SERVERS = 1000

Option = float | int | str

Code = Literal[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]


class Fault(Table):
    """What all faults have in common."""

    at: Seconds = Field(gt=0, le=MAX_DURATION, description="seconds since the load's start, up to 86400")
    until: Seconds | None = Field(
        default=None,
        gt=0,
        le=MAX_DURATION,
        description="seconds since the load's start, after at: when it is lifted (absent: at the load's end)",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until <= self.at:
            raise ValueError(f"expected until after at = {self.at:g}, found {self.until:g}")
        return self

    @property
    def options(self) -> dict[str, Option]:
        """The options of its kind that are given, by name."""
        common = {"kind", "at", "until", "servers"}
        return {name: value for name, value in self if name not in common and value is not None}

    def in_words(self) -> str:
        """What it does, without where."""
        return " ".join([self.model_dump()["kind"], *(_words(*option) for option in self.options.items())])

    def where(self) -> str:
        """Where it is done."""
        return ""


class _OnServers(Fault):
    """A fault on servers that run."""

    servers: Int | None = Field(
        default=None,
        ge=1,
        le=MAX_SERVERS,
        description="a whole number from 1 to 1000: so many Ready servers, the oldest first (absent: all)",
    )

    def where(self) -> str:
        """Where it is done."""
        return f"on {_servers(self.servers) if self.servers else 'all servers'}"


class OnStarts(Fault):
    """A fault on servers that start from then on."""

    servers: Int | None = Field(
        default=None,
        ge=1,
        le=MAX_SERVERS,
        description="a whole number from 1 to 1000: so many starts (absent: all until it is lifted)",
    )

    def where(self) -> str:
        """Where it is done."""
        if self.servers is None:
            return "at every start"
        return "at the next start" if self.servers == 1 else f"at the next {self.servers} starts"


class Latency(_OnServers):
    """RPCs are answered later: by a constant, or as a log-normal or uniform distribution draws."""

    kind: Literal["latency"]
    seconds: Seconds | None = Field(default=None, gt=0, le=3600, description="seconds, above 0: a constant")
    mean: Seconds | None = Field(default=None, gt=0, le=3600, description="seconds, above 0: log-normal")
    sd: Seconds | None = Field(
        default=None, gt=0, le=3600, description="seconds, above 0: standard deviation of the log-normal"
    )
    least: Seconds | None = Field(default=None, ge=0, le=3600, description="seconds, from 0: uniform")
    most: Seconds | None = Field(default=None, gt=0, le=3600, description="seconds, above 0: uniform")

    @model_validator(mode="after")
    def _one_distribution(self) -> Self:
        if set(self.options) not in ({"seconds"}, {"mean", "sd"}, {"least", "most"}):
            given = ", ".join(self.options) or "none of them"
            raise ValueError(f"expected seconds, or mean and sd, or least and most, found {given}")
        if self.least is not None and self.most is not None and self.least >= self.most:
            raise ValueError(f"expected least below most, found {self.least:g} and {self.most:g}")
        return self


class Error(_OnServers):
    """A share of the RPCs ends with a code."""

    kind: Literal["error"]
    code: Code = Field(
        default="UNAVAILABLE", description='the name of a gRPC status other than OK, such as "UNAVAILABLE"'
    )
    rate: Seconds = Field(default=1.0, gt=0, le=1, description="a number above 0, up to 1: share of the RPCs")


class Hang(_OnServers):
    """A share of the RPCs gets no answer until the fault is lifted."""

    kind: Literal["hang"]
    rate: Seconds = Field(default=1.0, gt=0, le=1, description="a number above 0, up to 1: share of the RPCs")


class Cpu(_OnServers):
    """CPU is burnt."""

    kind: Literal["cpu"]
    cores: Seconds = Field(gt=0, le=256, description="a number above 0, up to 256: cores that are burnt")


class Memory(_OnServers):
    """Memory is held."""

    kind: Literal["memory"]
    mebibytes: Int = Field(ge=1, le=65_536, description="a whole number from 1 to 65536: MiB that are held")


class LoadReport(_OnServers):
    """A server that reports its load reports this one."""

    kind: Literal["load-report"]
    cpu: Seconds = Field(gt=0, le=100, description="a number above 0, up to 100: CPU utilisation, 1 is full")
    rps: Seconds = Field(
        default=100.0, gt=0, le=1_000_000, description="a number above 0: RPC/s that it says to answer"
    )


class Stop(_OnServers):
    """The process is stopped (SIGSTOP), and goes on when the fault is lifted (SIGCONT)."""

    kind: Literal["stop"]


class Kill(_OnServers):
    """The process is killed (SIGKILL); the Deployment replaces it."""

    kind: Literal["kill"]


class NotReady(_OnServers):
    """The health service says NOT_SERVING."""

    kind: Literal["not-ready"]


class Flap(_OnServers):
    """The health service says NOT_SERVING for the first half of each period, and SERVING for the other."""

    kind: Literal["flap"]
    period: Seconds = Field(ge=0.1, le=3600, description="seconds, from 0.1 to 3600: of both together")


class Reset(_OnServers):
    """Connections are reset: all that there are, once or at each period."""

    kind: Literal["reset"]
    period: Seconds | None = Field(
        default=None, ge=0.1, le=3600, description="seconds, from 0.1 to 3600 (absent: once)"
    )


class Blackhole(_OnServers):
    """Packets to the server's port go nowhere."""

    kind: Literal["blackhole"]


class CrashAtStart(OnStarts):
    """Servers end as soon as they are started."""

    kind: Literal["crash-at-start"]


class SlowStart(OnStarts):
    """Servers become Ready later."""

    kind: Literal["slow-start"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


class DnsStale(Fault):
    """DNS answers what held so long ago."""

    kind: Literal["dns-stale"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


class DnsNxdomain(Fault):
    """DNS answers that the name does not exist."""

    kind: Literal["dns-nxdomain"]


class DnsServfail(Fault):
    """DNS answers that it failed."""

    kind: Literal["dns-servfail"]


class DnsSilent(Fault):
    """DNS does not answer."""

    kind: Literal["dns-silent"]


class DnsTruncated(Fault):
    """DNS answers over UDP that the answer does not fit, so that clients ask again over TCP."""

    kind: Literal["dns-truncated"]


class DnsLate(Fault):
    """DNS answers later."""

    kind: Literal["dns-late"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


AnyFault = Annotated[
    Latency
    | Error
    | Hang
    | Cpu
    | Memory
    | LoadReport
    | Stop
    | Kill
    | NotReady
    | Flap
    | Reset
    | Blackhole
    | CrashAtStart
    | SlowStart
    | DnsStale
    | DnsNxdomain
    | DnsServfail
    | DnsSilent
    | DnsTruncated
    | DnsLate,
    Field(discriminator="kind"),
]


def labels(faults: Sequence[AnyFault]) -> list[str]:
    """A label for each fault, for people, unique among them: "latency 200 ms on 1 server"."""
    given: dict[str, int] = {}
    found = []
    for fault in faults:
        label = f"{fault.in_words()} {fault.where()}".rstrip()
        given[label] = given.get(label, 0) + 1
        found.append(label if given[label] == 1 else f"{label} ({given[label]})")
    return found


def _words(name: str, value: Option) -> str:
    return _WORDS[name](float(value)) if name in _WORDS else str(value)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


_WORDS: Mapping[str, Callable[[float], str]] = {
    "seconds": _time,
    "mean": lambda value: f"mean {_time(value)}",
    "sd": lambda value: f"sd {_time(value)}",
    "least": lambda value: f"from {_time(value)}",
    "most": lambda value: f"to {_time(value)}",
    "period": lambda value: f"every {_time(value)}",
    "rate": lambda value: "of all RPCs" if value == 1 else f"of {value * 100:g} % of RPCs",
    "mebibytes": lambda value: f"{value:g} MiB",
    "cores": lambda value: f"{value:g} cores",
    "cpu": lambda value: f"CPU {value:g}",
    "rps": lambda value: f"at {value:g} RPC/s",
}
"""An option → how a label tells it; one that is not here is told as it is."""
