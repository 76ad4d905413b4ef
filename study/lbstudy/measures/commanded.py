"""The ledger's entry on autoscaling: the autoscaler's decisions against the platform's scale commands."""

from typing import Final

from lbstudy.observation.records import Lane
from lbstudy.result.model import Entry

_PLATFORM: Final = "platform's own log of changes"


def commanded(lane: Lane) -> list[Entry]:
    """Return the entry: each decision that changes the number of servers is one scale command, in order.

    Empty if there was no autoscaler, or it did not get the servers' utilisation.
    """
    if lane.aims is None or lane.busy is None:
        return []
    decided = [decision.desired for decision in lane.decisions if decision.desired != decision.current]
    scaled = [
        command.servers for command in lane.commands if 0 < command.at < lane.end and not command.manner
    ]
    closes = decided == scaled
    return [
        Entry(
            name="scale commands",
            left="decisions of the autoscaler that change the number of servers",
            left_count=len(decided),
            right="scale commands under load",
            right_count=len(scaled),
            referee=_PLATFORM,
            closes=closes,
            note="" if closes else f"decided {_numbers(decided)}, commanded {_numbers(scaled)}",
        )
    ]


def _numbers(servers: list[int]) -> str:
    return ", ".join(map(str, servers)) or "none"
