"""When a client gives up a connection on which nothing answers any more.

gRPC's chttp2 transport (src/core/ext/transport/chttp2/transport/writing.cc) sets two timers when it writes a
keepalive ping: ``grpc.http2.ping_timeout_ms`` (60 s by default), and the shorter
``grpc.keepalive_timeout_ms``, but only if a handle is already valid, which it never is. So the ping time-out
counts. Measured: with keepalive_timeout_ms = 3000 alone nothing happened for 60 s; with ping_timeout_ms =
3000, 3.0 s.
"""

import math
from dataclasses import dataclass

from lbstudy.config.notes import DEFAULT_PING_TIMEOUT_MS, PING_TIMEOUT
from lbstudy.config.setting import Setting
from lbstudy.model.parameters import milliseconds

KEEPALIVE_TIME = "grpc.keepalive_time_ms"
MIN_PING_INTERVAL_WITHOUT_DATA = "grpc.http2.min_ping_interval_without_data_ms"
_SERVER_TOLERATES_MS = 300_000


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A client's keepalive in effect; times in s."""

    time: float  # from the last data to the ping; inf: no pings
    ping_timeout: float  # from the ping to giving up
    tolerated: float  # the server's shortest accepted interval of pings without data
    without_calls: bool

    @property
    def is_on(self) -> bool:
        """Whether pings are sent at all."""
        return math.isfinite(self.time)

    @property
    def gives_up(self) -> bool:
        """Whether a connection on which nothing answers is ever given up."""
        return math.isfinite(self.detects_after)

    @property
    def detects_after(self) -> float:
        """The longest time from the last answer to giving up the connection."""
        return self.time + self.ping_timeout


def keepalive(setting: Setting) -> Keepalive:
    """A setting's keepalive."""
    return Keepalive(
        time=milliseconds(setting.channel, KEEPALIVE_TIME, math.inf),
        ping_timeout=milliseconds(setting.channel, PING_TIMEOUT, DEFAULT_PING_TIMEOUT_MS),
        tolerated=milliseconds(setting.server, MIN_PING_INTERVAL_WITHOUT_DATA, _SERVER_TOLERATES_MS),
        without_calls=setting.channel.get("grpc.keepalive_permit_without_calls") in (1, True),
    )
