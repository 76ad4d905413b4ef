"""How a verdict writes numbers, times and names."""

from collections.abc import Sequence
from typing import Final

from lbstudy.result.model import Delay, SettingResult, StageName

_PUSHED: Final = {StageName.PUBLISHED.value: "pushed", StageName.UNPUBLISHED.value: "withdrawn"}
MOST_NAMED: Final = 3
"""Settings that the headline describes one by one."""


def is_pushed(setting: SettingResult) -> bool:
    """Return whether the setting's clients use a control plane instead of DNS."""
    return "pushed over xDS" in setting.options.get("policy", {})


def time_axis(setting: SettingResult) -> str:
    """What a chart's time counts from."""
    return f"s since the {'watch' if setting.is_live else 'load'} began"


def stage_name(name: str, setting: SettingResult) -> str:
    """Return a stage's name, which depends on whether the setting has a control plane."""
    return _PUSHED.get(str(name), name) if is_pushed(setting) else name


def time(seconds: float) -> str:
    """Format a duration: "320 ms" or "3.2 s"."""
    return str(Delay(seconds=seconds))


def count(number: int, what: str) -> str:
    """Format a number of things."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def together(names: Sequence[str]) -> str:
    """Return names as a list in a sentence; "" if there are none."""
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"
