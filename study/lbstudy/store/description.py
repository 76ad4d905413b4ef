"""What a store says of its run: written when the run begins, so that an interrupted run has it too."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lbstudy.result.model import Provenance
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError

_KEY: Final = "run"
_ZERO: Final = "time_zero_unix_nano"  # a key of its own: the views read it


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DescribedSetting(_Part):
    """A setting of the run."""

    name: str = Field(description="the resource attribute lbstudy.setting of its pods")
    description: str = ""
    deployment: str = Field(description="of its servers: their Service has the same name")
    options: dict[str, dict[str, int | float | str | bool]] = Field(default_factory=dict)


class DescribedExpectation(_Part):
    """See observation.source.Expected."""

    setting: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None


class RunDescription(_Part):
    """What cannot be told from the telemetry."""

    time_zero_unix_nano: int = Field(description="the instant at which the load starts")
    provenance: Provenance
    settings: list[DescribedSetting]
    expectations: list[DescribedExpectation] = Field(default_factory=list)


def write_description(store: RunStore, description: RunDescription) -> None:
    """Keep the description in the store, in place of an earlier one. Raises StoreError."""
    store.put_meta(_ZERO, description.time_zero_unix_nano)
    store.put_meta(_KEY, description.model_dump(mode="json"))


def read_description(store: RunStore) -> RunDescription:
    """The store's description. Raises StoreError when the run never wrote one."""
    found = store.meta(_KEY)
    if found is None:
        raise StoreError(f"{store.path}: the run ended before it had begun; there is nothing to report")
    try:
        return RunDescription.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{store.path}: meta 'run', {where}: {first['msg']}") from error
