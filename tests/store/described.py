"""A store that describes its run, and the one lane in it."""

from lbstudy.observation.records import Lane
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.result.source import Expected
from lbstudy.store.database import RunStore
from lbstudy.store.description import (
    DescribedSetting,
    RunDescription,
    write_description,
)
from lbstudy.store.source import StoreSource

from tests.making.results import PROVENANCE
from tests.store.rows_by_hand import ZERO

SECOND = 1_000_000_000


def describe(store: RunStore) -> None:
    write_description(
        store,
        RunDescription(
            time_zero_unix_nano=ZERO,
            provenance=PROVENANCE,
            settings=[
                DescribedSetting(
                    name="stock",
                    description="as it is",
                    deployment="greeter-stock",
                    options={"channel": {"a": 1}},
                )
            ],
            expectations=[Expected(setting="stock", measure="errors.ratio", at_most=0.1)],
        ),
    )


def pods(store: RunStore, *names_: str) -> None:
    store.add_changes(
        [
            Change(ZERO - 5 * SECOND, 0.0, ChangeKind.SCALE, "greeter-stock", detail=str(len(names_))),
            *(
                Change(
                    ZERO - 4 * SECOND, 0.0, ChangeKind.CREATED, "greeter-stock", name, f"127.0.1.{i}:50051"
                )
                for i, name in enumerate(names_, start=1)
            ),
            Change(ZERO, 0.0, ChangeKind.CREATED, "client-stock", "not-a-server"),
            Change(ZERO, 0.0, ChangeKind.CREATED, "greeter-max-age", "of-another-setting"),
        ]
    )


def lane(store: RunStore) -> Lane:
    (found,) = StoreSource.of(store).lanes()
    return found
