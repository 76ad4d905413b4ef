"""At which phases a scenario is run again and again."""

from typing import Final

PHASES: Final = 10.0
"""s, over which repeats spread a timeline: its changes meet the clients' timers at every phase."""
