"""A requirement: what must hold with a setting, and how certain the answer must be."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from lbstudy.config.base import Document, Int, Seconds, Str, Table
from lbstudy.config.expected import MeasureName

_MOST = 1_000_000
HOLDS_IN: Final = 0.95
"""If a clause holds, it does so in at least this share of runs: an unrelated disturbance may spoil a run."""


class Clause(Table):
    """What all clauses share."""

    scenario: Str | None = Field(
        default=None,
        min_length=1,
        max_length=4000,
        description="a scenario's built-in name, or the path of its file from the requirement's folder on",
    )

    @property
    def default_scenario(self) -> str:
        """The built-in scenario in which it is judged unless the file names one."""
        raise NotImplementedError

    @property
    def judged_in(self) -> str:
        """The scenario in which it is judged, as a built-in name or a path."""
        return self.scenario or self.default_scenario

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        raise NotImplementedError


class NewServer(Clause):
    """An added server gets a request from every client in time."""

    kind: Literal["new-server"]
    within: Seconds = Field(
        gt=0,
        le=86_400,
        description="seconds, above 0 and up to 86400: from Ready to each client's first answered request",
    )

    @property
    def default_scenario(self) -> str:
        """The scenario in which servers are added."""
        return "scale-up"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return f"a new server is called within {self.within:g} s by every client"


class _Loses(Clause):
    """An event may cost at most so many requests."""

    lost_at_most: Int = Field(
        ge=0,
        le=_MOST,
        description="a whole number from 0 to 1000000: requests that may end with an error, of all clients",
    )

    def _words(self, event: str) -> str:
        if self.lost_at_most == 0:
            return f"{event} loses no request"
        return f"{event} loses at most {self.lost_at_most} request{'s' if self.lost_at_most > 1 else ''}"


class RemovedServer(_Loses):
    """Servers are removed by a scale-down."""

    kind: Literal["removed-server"]

    @property
    def default_scenario(self) -> str:
        """The scenario in which servers are removed."""
        return "scale-down"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return self._words("a scale-down")


class RollingUpdate(_Loses):
    """All servers are replaced, some at a time."""

    kind: Literal["rolling-update"]

    @property
    def default_scenario(self) -> str:
        """The scenario with a rolling update."""
        return "rolling-update"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return self._words("a rolling update")


class HungServer(_Loses):
    """A server stops answering, and keeps its connections."""

    kind: Literal["hung-server"]

    @property
    def default_scenario(self) -> str:
        """The scenario in which a server is stopped."""
        return "hung-server"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return self._words("a server that hangs")


class FailingServer(_Loses):
    """A server answers with errors."""

    kind: Literal["failing-server"]

    @property
    def default_scenario(self) -> str:
        """The scenario in which a server fails its RPCs."""
        return "failing-server"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return self._words("a server that fails its requests")


class KilledServer(_Loses):
    """A server is killed, and does not tell its clients."""

    kind: Literal["killed-server"]

    @property
    def default_scenario(self) -> str:
        """The scenario in which a server is killed."""
        return "crashed-server"

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return self._words("a server that is killed")


class _Costs(Clause):
    """A client may do something at most so often."""

    at_most: Seconds = Field(ge=0, le=_MOST, description="a number from 0 to 1000000: a client and minute")

    @property
    def default_scenario(self) -> str:
        """The scenario in which nothing changes."""
        return "steady"


class Connections(_Costs):
    """New connections."""

    kind: Literal["connections"]

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return f"each client makes at most {self.at_most:g} new connections a minute"


class DnsQueries(_Costs):
    """Queries to the DNS server, by its own count."""

    kind: Literal["dns-queries"]

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        return f"each client sends at most {self.at_most:g} DNS queries a minute"


class MeasureClause(Clause):
    """A limit for any measure that a scenario can have an expectation of."""

    kind: Literal["measure"]
    measure: MeasureName = Field(
        description='the name of a measure (lbstudy list shows them), such as "latency.p99"'
    )
    at_least: Seconds | None = Field(default=None, description="a number: the smallest value that is met")
    at_most: Seconds | None = Field(default=None, description="a number: the largest value that is met")

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.scenario is None:
            raise ValueError("expected a scenario, in which the measure is taken")
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"expected at_least no larger than at_most, found {self.at_least:g} and {self.at_most:g}"
            )
        return self

    @property
    def default_scenario(self) -> str:
        """None: the file must name its scenario."""
        return ""

    def in_words(self) -> str:
        """Return what must hold, as a sentence without its full stop."""
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        return f"{self.measure} is {' and '.join(bounds)}"


AnyClause = Annotated[
    NewServer
    | RemovedServer
    | RollingUpdate
    | HungServer
    | FailingServer
    | KilledServer
    | Connections
    | DnsQueries
    | MeasureClause,
    Field(discriminator="kind"),
]


class Proof(Table):
    """When there have been enough runs: the shares between which they decide, and the error's probability."""

    confidence: Seconds = Field(
        default=0.9,
        ge=0.5,
        le=0.999,
        description="a number from 0.5 to 0.999: 1 − the chance of a wrong decision, either way",
    )
    share: Seconds = Field(
        default=0.6,
        ge=0.05,
        le=0.9,
        description="a number from 0.05 to 0.9: a clause that holds in no more than this share of runs fails",
    )
    most_runs: Int = Field(
        default=20, ge=1, le=1000, description="a whole number from 1 to 1000: runs of each scenario, at most"
    )


class Requirement(Document):
    """A requirement file."""

    clause: list[AnyClause] = Field(
        min_length=1, max_length=50, description="1 to 50 tables [[clause]] with kind and more"
    )
    proof: Proof = Field(default=Proof(), description="a table [proof]")
