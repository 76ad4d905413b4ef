"""The result of a watch beside its report: watch.json. Its schema is docs/watch.schema.json.

Instants are seconds since the Unix epoch. null is "not observed", never 0 and never "did not happen".
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """When something happened: at ``at``, or up to ``error`` seconds before."""

    at: float = Field(description="s since the Unix epoch")
    error: float = Field(description="s: it may have been so much earlier")


class FirstCall(_Part):
    """A client workload's first request to a pod after the pod became Ready."""

    workload: str
    first: When
    requests: int = Field(description="since the pod is Ready, by the source that tells most")
    pods: int = Field(description="client pods that called it")
    before: int = Field(description="its requests to other pods since the pod is Ready, before this one")


class LeftOutBy(_Part):
    """A client workload that has not called a pod since it is Ready, although it made enough requests."""

    workload: str
    until: float = Field(description="s since the Unix epoch: up to then its requests were told")


class PodResult(_Part):
    """One pod of a Service: its waterfall since its creation, and its requests."""

    name: str
    ip: str
    status: str
    came: bool = Field(description="it was created while it was watched")
    went: bool = Field(description="it ended while it was watched")
    stages: dict[str, When] = Field(
        description="created, scheduled, started, ready, listed, first request, terminating, gone:"
        " when it first got there; what is missing was not observed"
    )
    last_ready: When | None = Field(
        description="when it last became Ready: since then its requests are counted; null: it never was"
    )
    first_request: When | None = Field(
        description="since it is Ready; null: none was observed, or it was Ready before the watch began"
    )
    requests: dict[str, int] = Field(
        description="all requests that were told, by source; one source's are the same as another's"
    )
    silent: float | None = Field(description="s since its last request")
    uncalled: bool = Field(
        description="it is Ready, and none was observed since, by a source that would have told"
    )
    callers: list[FirstCall]
    others: int | None = Field(
        description="requests to other pods since it is Ready, before its first one; null: that is not known"
    )
    observed_until: float | None = Field(
        description="s since the Unix epoch: up to then a request to it would have been told, from whomever;"
        " null: that is not known, or it is not Ready"
    )
    proven: bool = Field(
        description="a pod of its template has told of a request; if none has, their telemetry may be other"
    )
    left_out_by: list[LeftOutBy] = Field(
        description="client workloads that made at least 10 requests, and 3 for each Ready pod, since it is"
        " Ready, and none to it"
    )


class LostRequest(_Part):
    """A request that ended with an error which is no answer of the server's program."""

    at: float = Field(description="when it ended, s since the Unix epoch")
    code: str


class ClientResult(_Part):
    """One client workload of a Service."""

    name: str
    pods: int = Field(description="that told of themselves")
    requests: int | None
    since: float | None = Field(
        description="s since the Unix epoch: the first request of it that was told; null: none was"
    )
    addresses_known: tuple[int, int] | None = Field(
        description="the least and the most of the Ready pods that a pod of it knows"
    )
    ready: int = Field(description="pods that are Ready")
    last_update: tuple[float, float] | None = Field(
        description="s since the last resolver update: of the pod whose is newest, and oldest"
    )
    connections: int | None = Field(description="open to pods of the Service")
    told_until: float | None = Field(
        default=None,
        description="s since the Unix epoch: its last request that a span told; null: none did, and how its"
        " requests ended was not observed",
    )
    lost: int = Field(default=0, description="requests that ended so, as its spans told")
    newest_lost: list[LostRequest] = Field(default_factory=list, description="the last 1000 of them")
    unplaced: list[float] = Field(
        default_factory=list,
        description="when requests of it ended so and it is not observed to which Service they went, the last"
        " 1000",
    )


class ServiceResult(_Part):
    """One Service."""

    name: str = Field(description="namespace/service")
    pods: list[PodResult]
    clients: list[ClientResult]


class SourceResult(_Part):
    """A source of evidence."""

    name: str
    has: str
    lacks: str = Field(description='"" for nothing')


class EventResult(_Part):
    """Something that happened, in words."""

    at: float
    service: str
    kind: str
    text: str
    pods: list[str]
    why: dict[str, str] = Field(description="of an uncalled pod: client workload → why it does not call it")


class WatchResult(_Part):
    """A watch of live Services, from beginning to end."""

    schema_version: Literal[1] = 1
    began: float
    ended: float
    patience: float = Field(description="s, after which a Ready pod that nobody calls is named")
    sources: list[SourceResult]
    services: list[ServiceResult]
    events: list[EventResult] = Field(description="the last 1000")
    events_in_all: int
