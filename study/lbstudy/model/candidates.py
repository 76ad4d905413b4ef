"""The settings among which ``advise --for`` looks for the cheapest one that meets a requirement."""

from collections.abc import Iterator
from itertools import product
from typing import Final

from lbstudy.config.arguments import Argument
from lbstudy.config.notes import KEEPALIVE_TIMEOUT, MAX_AGE, MIN_INTERVAL, PING_TIMEOUT
from lbstudy.config.setting import Drain, Setting
from lbstudy.model.keepalive import KEEPALIVE_TIME, MIN_PING_INTERVAL_WITHOUT_DATA

AGES: Final = (None, 600, 300, 120, 60, 45, 30, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2)
"""s; None: connections do not end."""
INTERVALS: Final = (None, 20, 10, 5, 2, 1)
"""s between resolutions; None: gRPC's default, 30 s."""
KEEPALIVES: Final = (None, (20, 10), (10, 5), (5, 2), (2, 1))
"""s until a ping, and s for its answer; None: no keepalive."""
WAITS: Final = (1.0, 3.0, 10.0)
"""s for which a server continues after SIGTERM."""
POLICY: Final = "round_robin"
"""Other policies do not balance (pick_first), or use what the model lacks."""


def with_dns() -> Iterator[Setting]:
    """Yield all settings with DNS, in no order of cost; each sets only what differs from a default."""
    for age, interval, ping, wait in product(AGES, INTERVALS, KEEPALIVES, WAITS):
        yield candidate(age, interval, ping, wait)


def with_push() -> Iterator[Setting]:
    """Yield all settings with a control plane: without resolutions, ages and intervals do not matter."""
    for ping, wait in product(KEEPALIVES, WAITS):
        yield candidate(None, None, ping, wait, discovery_by_push=True)


def options(setting: Setting) -> int:
    """Return how many options a setting sets: of two with equal cost, the one with fewer is preferred."""
    return len(setting.channel) + len(setting.server) + (setting.drain.wait != WAITS[0])


def candidate(
    age: float | None,
    interval: float | None,
    ping: tuple[float, float] | None,
    wait: float,
    *,
    discovery_by_push: bool = False,
) -> Setting:
    """Return a setting with these values; None leaves gRPC's default."""
    channel: dict[str, Argument] = {}
    server: dict[str, Argument] = {}
    words = ["push" if discovery_by_push else POLICY]
    if age is not None:
        server[MAX_AGE] = _ms(age)
        server[f"{MAX_AGE.removesuffix('_ms')}_grace_ms"] = 5000
        words.append(f"connections end after {age:g} s")
    if interval is not None:
        channel[MIN_INTERVAL] = _ms(interval)
        words.append(f"clients look up DNS at most every {interval:g} s")
    if ping is not None:
        after, answer = ping
        channel |= {
            KEEPALIVE_TIME: _ms(after),
            KEEPALIVE_TIMEOUT: _ms(answer),
            PING_TIMEOUT: _ms(answer),
            "grpc.keepalive_permit_without_calls": 1,
            "grpc.http2.max_pings_without_data": 0,
        }
        server |= {
            MIN_PING_INTERVAL_WITHOUT_DATA: _ms(after) // 2,
            "grpc.keepalive_permit_without_calls": 1,
        }
        words.append(f"clients ping every {after:g} s and give up after {answer:g} s without an answer")
    if wait != WAITS[0]:
        words.append(f"servers go on for {wait:g} s after SIGTERM")
    return Setting(
        name="proposed",
        description=", ".join(words),
        discovery="xds" if discovery_by_push else "dns",
        policy=POLICY,
        channel=channel,
        server=server,
        drain=Drain(wait=wait, grace=5),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
