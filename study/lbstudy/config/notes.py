"""Notes on what is allowed but probably a mistake: one line each, to read before the run."""

from collections.abc import Sequence

from lbstudy.config.arguments import KNOWN, NO_EFFECT
from lbstudy.config.error import nearest
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting

MIN_INTERVAL = "grpc.dns_min_time_between_resolutions_ms"
MAX_AGE = "grpc.max_connection_age_ms"
KEEPALIVE_TIMEOUT = "grpc.keepalive_timeout_ms"
PING_TIMEOUT = "grpc.http2.ping_timeout_ms"
DEFAULT_MIN_INTERVAL_MS = 30_000
DEFAULT_PING_TIMEOUT_MS = 60_000


def notes(scenario: Scenario, settings: Sequence[Setting]) -> list[str]:
    """Return the notes on a scenario and the settings that it runs with."""
    lines = [line for setting in settings for line in _on_setting(setting)]
    running = {setting.name for setting in settings}
    absent = dict.fromkeys(e.setting for e in scenario.expect if e.setting not in running)
    lines.extend(
        f"scenario {scenario.name}: what it expects of setting {name} is not checked: that setting is not run"
        for name in absent
    )
    return lines


def _on_setting(setting: Setting) -> list[str]:
    prefix = f"setting {setting.name}: "
    lines: list[str] = []
    for table, arguments in (("channel", setting.channel), ("server", setting.server)):
        lines.extend(f"{prefix}[{table}] {_said_of(key)}" for key in arguments if key not in KNOWN)
    age, interval = setting.server.get(MAX_AGE), setting.channel.get(MIN_INTERVAL, DEFAULT_MIN_INTERVAL_MS)
    looks_up = setting.discovery == "dns"
    if looks_up and isinstance(age, int) and isinstance(interval, int) and age < interval:
        by_default = "" if MIN_INTERVAL in setting.channel else ", the default"
        lines.append(
            f"{prefix}{MAX_AGE} ({age}) below the clients' {MIN_INTERVAL} ({interval}{by_default}) buys"
            f" nothing: a client looks up DNS no sooner than every {interval / 1000:g} s"
        )
    timeout = setting.channel.get(KEEPALIVE_TIMEOUT)
    ping = setting.channel.get(PING_TIMEOUT, DEFAULT_PING_TIMEOUT_MS)
    if isinstance(timeout, int) and isinstance(ping, int) and timeout < ping:
        lines.append(
            f"{prefix}{KEEPALIVE_TIMEOUT} ({timeout}) has no effect below {PING_TIMEOUT} ({ping}),"
            " which governs"
        )
    return lines


def _said_of(key: str) -> str:
    """Return the note on an argument that has no effect here."""
    if key in NO_EFFECT:
        return f"{key} has no effect here: {NO_EFFECT[key]}"
    return f"{key} is unknown here, and gRPC ignores what it does not know{nearest(key, KNOWN)}"
