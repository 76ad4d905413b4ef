"""Tables of a scenario: ``[load.stream]`` (long streams), ``[server.cold]`` (warming up) and ``[tls]``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lbstudy.config.base import Int, Seconds, Table
from lbstudy.config.fault import MAX_DURATION

Kind = Literal["server", "client", "bidi"]


class Cold(Table):
    """How much slower a server is until it is warm."""

    factor: Seconds = Field(
        ge=1,
        le=1000,
        description="a number from 1 to 1000: how many times the work the first answer takes",
    )
    seconds: Seconds | None = Field(
        default=None,
        gt=0,
        le=3600,
        description="seconds, above 0 and up to 3600: from a server's start until it is warm",
    )
    rpcs: Int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="a whole number from 1 to 100000: RPCs of a server until it is warm",
    )

    @model_validator(mode="after")
    def _some_end(self) -> Self:
        if self.seconds is None and self.rpcs is None:
            raise ValueError("expected seconds, rpcs or both: a server that never gets warm is a slow one")
        return self


class TlsTable(Table):
    """Connections are encrypted, with certificates that are made for the run."""

    key: Literal["ec", "rsa"] = Field(
        default="ec", description='"ec" (P-256) or "rsa" (2048 bits): the kind of the certificates\' keys'
    )
    clients: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="true or false: clients show a certificate, too (mutual TLS)"
    )


class LoadStream(Table):
    """The streams among the calls of the load."""

    kind: Kind = Field(
        default="bidi",
        description='"server", "client" or "bidi": who sends messages; "bidi" is both, an answer to each',
    )
    rate: Seconds = Field(
        default=1.0, gt=0, le=10_000, description="a number above 0, up to 10000: messages/s of a stream"
    )
    life: Seconds = Field(
        default=30.0,
        gt=0,
        le=MAX_DURATION,
        description="seconds, above 0 and up to 86400: how long a stream is held open",
    )
    share: Seconds = Field(
        default=1.0,
        gt=0,
        le=1,
        description="a number above 0, up to 1: the part of the calls that are streams",
    )
