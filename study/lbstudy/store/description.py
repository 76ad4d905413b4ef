"""The store's description of its run, written when the run begins, so that an interrupted run has it too."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lbstudy.result.model import NotApplied, Provenance
from lbstudy.result.source import Expected
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError

_KEY: Final = "run"
_ZERO: Final = "time_zero_unix_nano"  # a key of its own, because the views read it


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DescribedSetting(_Part):
    """A setting of the run."""

    name: str = Field(description="the resource attribute lbstudy.setting of its pods")
    description: str = ""
    deployment: str = Field(description="of its servers: their Service has the same name")
    instrumented: bool | None = Field(
        default=None,
        description="whether the run put our instrumentor into the client, so that what it does not tell is "
        "missing; None: of an earlier run, by what is there",
    )
    servers_instrumented: bool | None = Field(
        default=None,
        description="the same of the servers, which are to print their counts then; None: of an earlier run,"
        " as the client",
    )
    options: dict[str, dict[str, int | float | str | bool]] = Field(default_factory=dict)
    not_applied: list[NotApplied] = Field(default_factory=list)
    incidents: list[str] = Field(default_factory=list)


class DescribedAutoscaler(_Part):
    """The targets of an autoscaler's servers. See observation.records.ScalingAims."""

    target: float
    tolerance: float
    latency_target: float
    load_falls: float | None = None


class RunDescription(_Part):
    """What the telemetry does not show."""

    time_zero_unix_nano: int = Field(description="the instant at which the load starts")
    provenance: Provenance
    settings: list[DescribedSetting]
    expectations: list[Expected] = Field(default_factory=list)
    fault_kinds: dict[str, str] = Field(default_factory=dict, description="a fault's label → its kind")
    autoscaler: DescribedAutoscaler | None = Field(default=None, description="None where there was none")
    lookups_known: bool = Field(default=True, description="whether the DNS server's own log is in the store")


def write_description(store: RunStore, description: RunDescription) -> None:
    """Write the description to the store; it replaces an earlier one. Raises StoreError."""
    store.put_meta(_ZERO, description.time_zero_unix_nano)
    store.put_meta(_KEY, description.model_dump(mode="json"))


def read_description(store: RunStore) -> RunDescription:
    """Return the store's description. Raises StoreError if the run never wrote one."""
    content = store.meta(_KEY)
    if content is None:
        raise StoreError(f"{store.path}: the run ended before its load began, so there is nothing to report")
    try:
        return RunDescription.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{store.path}: meta 'run', {where}: {first['msg']}") from error
