"""A trial before a run: does gRPC accept each setting's service config?

gRPC reads a service config when a channel is made, but reports an invalid one only when an RPC fails, or on
standard error. So for each setting one channel is made, in a separate process, and one RPC is sent to a
server that answers everything. gRPC's own words are passed on: it knows which policies and values it accepts,
and this study does not.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from lbstudy.config.setting import Setting

MARK: Final = "lbstudy-trial"
"""A line on standard error that begins with this names the setting that the following lines belong to."""
_WITHIN: Final = 60.0  # s; only a safeguard
_LOGGED: Final = re.compile(r"[EW]\d{4} [0-9:.]+ +\d+ [\w./]+:\d+\] (?P<said>.+)")
"""A warning or an error as gRPC logs it (absl): severity, date, time, thread, file and line, text."""
_REFUSED: Final = re.compile(r"^Failed to create channel to '[^']*': ?")


@dataclass(frozen=True, slots=True)
class Trial:
    """What gRPC said of a setting."""

    setting: str
    refused: str | None  # why no RPC can be sent with it, in gRPC's words; None: it is accepted
    warnings: Sequence[str] = ()  # what gRPC logged about an accepted setting


def needs_trial(setting: Setting) -> bool:
    """Return whether gRPC may refuse the setting: only if its file has a whole service config."""
    return setting.service_config is not None


def try_settings(settings: Sequence[Setting]) -> list[Trial]:
    """Make a channel with each setting that gRPC may refuse, and return what it says, in their order.

    Takes about 0.5 s, or nothing if no setting needs it.
    """
    tried = [setting for setting in settings if needs_trial(setting)]
    if not tried:
        return []
    return read_trials(*_outcome(tuple((setting.name, setting.service_config_json) for setting in tried)))


@cache
def _outcome(configs: tuple[tuple[str, str], ...]) -> tuple[dict[str, str | None], str]:
    """Run the trial's program; returns the arguments of ``read_trials``."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lbstudy.run.trial_program"],
        input=json.dumps(dict(configs)),
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=True,
    )
    return json.loads(done.stdout), done.stderr


def read_trials(refusals: Mapping[str, str | None], log: str) -> list[Trial]:
    """Combine what the trial's program found and what gRPC logged meanwhile. No I/O.

    Args:
        refusals: setting → the failed RPC's details; None if it was answered.
        log: the program's standard error, with a line of ``MARK`` before each setting's part.
    """
    warnings: dict[str, list[str]] = {name: [] for name in refusals}
    current: list[str] = []
    for line in log.splitlines():
        mark, _, name = line.partition(" ")
        if mark == MARK:
            current = warnings.get(name, [])
        elif logged := _LOGGED.match(line):
            current.append(logged["said"])
    return [
        Trial(name, None, tuple(dict.fromkeys(warnings[name])))
        if details is None
        else Trial(name, _REFUSED.sub("", details))
        for name, details in refusals.items()
    ]
