"""Faults of a scenario: trouble with some servers, or on the way to them, from one instant to another."""

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
"""gRPC's status codes but OK, in the order of their numbers from 1 on."""


class FaultTable(Table):
    """What all faults share."""

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
        """The options of this kind that are set, by name."""
        common = {"kind", "at", "until", "servers"}
        return {name: value for name, value in self if name not in common and value is not None}

    def in_words(self) -> str:
        """Describe what the fault does, without its place."""
        parts = [_words(*option) for option in self.options.items() if option[0] != "family"]
        return " ".join([self.model_dump()["kind"], *parts])

    def where(self) -> str:
        """Describe the place of the fault."""
        return ""


class _OnServers(FaultTable):
    """A fault of running servers."""

    servers: Int | None = Field(
        default=None,
        ge=1,
        le=MAX_SERVERS,
        description="a whole number from 1 to 1000: so many Ready servers, the oldest first (absent: all)",
    )

    def where(self) -> str:
        """Describe the place of the fault."""
        return f"on {_servers(self.servers) if self.servers else 'all servers'}"


class OnStarts(FaultTable):
    """A fault of servers that start while it lasts."""

    servers: Int | None = Field(
        default=None,
        ge=1,
        le=MAX_SERVERS,
        description="a whole number from 1 to 1000: so many starts (absent: all until it is lifted)",
    )

    def where(self) -> str:
        """Describe the place of the fault."""
        if self.servers is None:
            return "at every start"
        return "at the next start" if self.servers == 1 else f"at the next {self.servers} starts"


class LatencyFault(_OnServers):
    """RPCs are answered later: by a constant, or by a log-normal or uniform random delay."""

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
    """CPU is used up."""

    kind: Literal["cpu"]
    cores: Seconds = Field(gt=0, le=256, description="a number above 0, up to 256: cores that are used up")


class MemoryFault(_OnServers):
    """Memory is used up."""

    kind: Literal["memory"]
    mebibytes: Int = Field(ge=1, le=65_536, description="a whole number from 1 to 65536: MiB that are held")


class LoadReport(_OnServers):
    """A server that reports its load reports these values."""

    kind: Literal["load-report"]
    cpu: Seconds = Field(gt=0, le=100, description="a number above 0, up to 100: CPU utilisation, 1 is full")
    rps: Seconds = Field(
        default=100.0, gt=0, le=1_000_000, description="a number above 0: RPC/s that it reports to answer"
    )


class Stop(_OnServers):
    """The process is stopped (SIGSTOP), and continues when the fault is lifted (SIGCONT)."""

    kind: Literal["stop"]


class Kill(_OnServers):
    """The process is killed (SIGKILL); the Deployment replaces it."""

    kind: Literal["kill"]


class NotReady(_OnServers):
    """The health service says NOT_SERVING."""

    kind: Literal["not-ready"]


class Flap(_OnServers):
    """The health service alternates: NOT_SERVING for the first half of each period, then SERVING."""

    kind: Literal["flap"]
    period: Seconds = Field(ge=0.1, le=3600, description="seconds, from 0.1 to 3600: of both together")


class Reset(_OnServers):
    """All present connections are reset, once or in each period."""

    kind: Literal["reset"]
    period: Seconds | None = Field(
        default=None, ge=0.1, le=3600, description="seconds, from 0.1 to 3600 (absent: once)"
    )


class Blackhole(_OnServers):
    """Packets to the server's port are dropped."""

    kind: Literal["blackhole"]


class CrashAtStart(OnStarts):
    """Servers end as soon as they have started."""

    kind: Literal["crash-at-start"]


class SlowStart(OnStarts):
    """Servers become Ready later."""

    kind: Literal["slow-start"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


class _OnOneFamily(FaultTable):
    """A fault of DNS on the answers to all questions, or on those for addresses of one family."""

    family: Literal["ipv4", "ipv6"] | None = Field(
        default=None, description='"ipv4" (A records) or "ipv6" (AAAA records) only (absent: all questions)'
    )

    def where(self) -> str:
        """Where it is done."""
        return f"of {_FAMILIES[self.family]} only" if self.family else ""


class DnsStale(FaultTable):
    """DNS answers what was true some seconds ago."""

    kind: Literal["dns-stale"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


class DnsNxdomain(FaultTable):
    """DNS answers that the name does not exist."""

    kind: Literal["dns-nxdomain"]


class DnsServfail(_OnOneFamily):
    """DNS answers SERVFAIL."""

    kind: Literal["dns-servfail"]


class DnsSilent(_OnOneFamily):
    """DNS does not answer."""

    kind: Literal["dns-silent"]


class DnsTruncated(FaultTable):
    """DNS answers over UDP that the answer was truncated, so that clients ask again over TCP."""

    kind: Literal["dns-truncated"]


class DnsLate(_OnOneFamily):
    """DNS answers later."""

    kind: Literal["dns-late"]
    seconds: Seconds = Field(gt=0, le=3600, description="seconds, above 0 and up to 3600")


AnyFault = Annotated[
    LatencyFault
    | Error
    | Hang
    | Cpu
    | MemoryFault
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
    """Return a unique label for each fault, for people: "latency 200 ms on 1 server"."""
    given: dict[str, int] = {}
    texts = []
    for fault in faults:
        label = f"{fault.in_words()} {fault.where()}".rstrip()
        given[label] = given.get(label, 0) + 1
        texts.append(label if given[label] == 1 else f"{label} ({given[label]})")
    return texts


def _words(name: str, value: Option) -> str:
    return _WORDS[name](float(value)) if name in _WORDS else str(value)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


_FAMILIES = {"ipv4": "IPv4 addresses (A)", "ipv6": "IPv6 addresses (AAAA)"}
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
"""An option → how a label shows its value; options that are missing here are shown unchanged."""
