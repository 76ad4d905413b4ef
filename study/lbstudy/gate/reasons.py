"""Why a clause did not hold in a run: what clients waited for or lost, and the option that explains it."""

from collections import Counter

from lbstudy.config.notes import (
    DEFAULT_MIN_INTERVAL_MS,
    KEEPALIVE_TIMEOUT,
    MAX_AGE,
    MIN_INTERVAL,
    PING_TIMEOUT,
)
from lbstudy.config.requirement import (
    AnyClause,
    Connections,
    DnsQueries,
    FailingServer,
    HungServer,
    NewServer,
    RemovedServer,
    RollingUpdate,
)
from lbstudy.config.setting import Setting
from lbstudy.gate.evaluate import late_views
from lbstudy.model.keepalive import KEEPALIVE_TIME, keepalive
from lbstudy.model.parameters import PICK_FIRST, milliseconds, policy_of, why_never
from lbstudy.result.doubts import doubts
from lbstudy.result.model import SettingResult, WaitedFor


def reason(clause: AnyClause, result: SettingResult, setting: Setting | None) -> str:
    """Return why a clause did not hold, as sentences; "" if only the figure itself is known.

    Args:
        clause: the clause that did not hold in this run.
        result: the setting's part of the run's result.
        setting: the setting of the run; None if it is unknown, as for copies of Deployments.
    """
    said = [_cause(clause, result, setting)]
    said += [f"{option.option} was not applied: {option.why}" for option in result.not_applied]
    said += doubts([result])
    return " ".join(_sentence(sentence) for sentence in said if sentence)


def _cause(clause: AnyClause, result: SettingResult, setting: Setting | None) -> str:
    if isinstance(clause, NewServer):
        return _late(clause, result, setting)
    if setting is None:
        return "" if isinstance(clause, Connections | DnsQueries) else _what_failed(result)
    if isinstance(clause, Connections | DnsQueries):
        return _cost(clause, setting)
    return f"{_what_failed(result)}{_lost(clause, result, setting)}"


# --- a new server that is called late -------------------------------------------------------------


def _late(clause: NewServer, result: SettingResult, setting: Setting | None) -> str:
    late = late_views(clause, result)
    if not late:
        return ""
    waited = _waits((ready, view) for _, ready, view in late)
    if not waited:
        return "what was waited for is not known"
    what, seconds = waited.most_common(1)[0]
    whole = sum(waited.values())
    server, _, view = late[0]
    return (
        f"of the time from Ready until {view.client} called {server}, {seconds / whole * 100:.0f} % was a"
        f" wait for: {what.value}; {_unknown(what) if setting is None else _explained(what, setting)}"
    )


def _waits(views: object) -> Counter[WaitedFor]:
    """Return how long each thing was waited for, from Ready on, by all views together."""
    seconds: Counter[WaitedFor] = Counter()
    for ready, view in views:  # type: ignore[attr-defined]
        for wait in view.waits:
            length = wait.end - max(wait.start, ready)
            if length > 0:
                seconds[wait.what] += length
    return seconds


def _unknown(what: WaitedFor) -> str:
    """Return what it depends on, if the options are unknown."""
    if what is WaitedFor.TRIGGER:
        return (
            f"no connection ended, so nothing made the client look up DNS (the servers' {MAX_AGE} ends them)"
        )
    if what is WaitedFor.MINIMUM_INTERVAL:
        return f"a connection had ended, but a client may not look up DNS again so soon ({MIN_INTERVAL})"
    return ""


def _explained(what: WaitedFor, setting: Setting) -> str:
    if what is WaitedFor.TRIGGER:
        if MAX_AGE not in setting.server:
            return (
                f"no connection ended, so nothing made the client look up DNS ([server] {MAX_AGE} is not set)"
            )
        return f"no connection had ended yet ([server] {MAX_AGE} = {setting.server[MAX_AGE]})"
    if what is WaitedFor.MINIMUM_INTERVAL:
        return _interval(setting)
    if what is WaitedFor.POLICY and policy_of(setting) == PICK_FIRST:
        return f"{PICK_FIRST} keeps one connection and goes on to another server only when that ends"
    if what is WaitedFor.DNS:
        return "DNS did not have the server yet"
    return ""


def _interval(setting: Setting) -> str:
    by_default = "" if MIN_INTERVAL in setting.channel else ", the default"
    value = setting.channel.get(MIN_INTERVAL, DEFAULT_MIN_INTERVAL_MS)
    text = (
        "a connection had ended, but a client may look up DNS again only at the end of the minimum interval"
        f" ([channel] {MIN_INTERVAL} = {value}{by_default})"
    )
    interval = milliseconds(setting.channel, MIN_INTERVAL, DEFAULT_MIN_INTERVAL_MS)
    if milliseconds(setting.server, MAX_AGE, float("inf")) < interval:
        text += f", which is above the connection age ([server] {MAX_AGE} = {setting.server[MAX_AGE]})"
    return text


# --- requests that were lost -----------------------------------------------------------------------


def _lost(clause: AnyClause, result: SettingResult, setting: Setting) -> str:
    if isinstance(clause, HungServer):
        return _hung(setting)
    if isinstance(clause, RollingUpdate | RemovedServer):
        return _gone(result, setting)
    if isinstance(clause, FailingServer) and "outlier" not in setting.service_config_json + str(setting.push):
        return "; nothing leads clients around a server that fails: no outlier detection is set"
    return ""


def _what_failed(result: SettingResult) -> str:
    if not result.errors.client_said:
        return "requests failed"
    worst = max(result.errors.client_said, key=lambda said: said.count)
    return f"most of what failed ended with {worst.code}" + (f" ({worst.message})" if worst.message else "")


def _hung(setting: Setting) -> str:
    effective = keepalive(setting)
    if not effective.is_on:
        never = why_never(setting.channel, KEEPALIVE_TIME)
        return f"; nothing gives up a connection on which nobody answers ([channel] {never})"
    timeout = setting.channel.get(KEEPALIVE_TIMEOUT)
    governs = ""
    if isinstance(timeout, int) and timeout / 1000 < effective.ping_timeout:
        governs = f"; {KEEPALIVE_TIMEOUT} = {timeout} has no effect below {PING_TIMEOUT}, which governs"
    after = f"after {effective.detects_after:g} s ({KEEPALIVE_TIME} and {PING_TIMEOUT})"
    return f"; keepalive gives a connection up {after}{governs}"


def _gone(result: SettingResult, setting: Setting) -> str:
    views = ((added.ready, view) for added in result.adaptability.added if added.ready is not None
             for view in added.clients)  # fmt: skip
    waited = _waits(views)
    if waited and waited.most_common(1)[0][0] is WaitedFor.MINIMUM_INTERVAL:
        return f"; clients learned of the new servers too late: {_interval(setting)}"
    if setting.drain.wait == 0:
        return "; servers stop at once ([drain] wait = 0), before their clients know"
    return ""


# --- costs ----------------------------------------------------------------------------------------


def _cost(clause: Connections | DnsQueries, setting: Setting) -> str:
    if MAX_AGE not in setting.server:
        return ""
    text = f"connections end after [server] {MAX_AGE} = {setting.server[MAX_AGE]} and are made anew"
    if isinstance(clause, DnsQueries):
        interval = setting.channel.get(MIN_INTERVAL, DEFAULT_MIN_INTERVAL_MS)
        text += (
            f", and each end makes a client look up DNS, at most every [channel] {MIN_INTERVAL} = {interval}"
        )
    return text


def _sentence(text: str) -> str:
    whole = text[0].upper() + text[1:].rstrip("; ")
    return whole if whole.endswith(".") else f"{whole}."
