"""The verdict: what the figures say, in words that a newcomer understands. It measures nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from lbstudy.result.doubts import doubts
from lbstudy.result.growth import grown
from lbstudy.result.kinds_of_load import load_sentences
from lbstudy.result.model import (
    BY_SPANS,
    NOT_OBSERVED,
    Adaptability,
    Delay,
    DelaySummary,
    Entry,
    SettingResult,
    Verdict,
)
from lbstudy.result.scaled import scaling_point
from lbstudy.result.trouble import fault_point, fault_sentence
from lbstudy.result.words import MOST_NAMED, count, time, together


def verdict(settings: Sequence[SettingResult]) -> Verdict:
    """Return a headline with the contrast between the settings, and a few points for each of them."""
    headline = _headline(settings)
    is_open = [setting.name for setting in settings if not setting.ledger.closes]
    points = []
    if is_open:
        headline = f"{_distrust(settings)} {headline}"
        points.append(f"The ledger does not close for {together(is_open)}: {_open_entries(settings)}.")
    if sentences := doubts(settings):
        headline = " ".join([headline, *sentences])
        points.extend(sentences)
    for setting in settings:
        points.extend(f"{setting.name}: {point}" for point in _points(setting))
    return Verdict(headline=headline, points=points)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """When the added servers got their first request from any client."""

    servers: int  # servers that were Ready while they were watched
    waited: list[float]  # s from Ready, for servers that got one
    watched: list[float]  # s for which those were watched that never got one
    hidden: int = 0  # servers for which it is unknown
    is_never: bool = True  # nobody called those, not only those clients of which it is known whom they called

    @classmethod
    def of(cls, adaptability: Adaptability) -> "_Arrivals":
        waited: list[float] = []
        watched: list[float] = []
        hidden = 0
        is_never = True
        for server in adaptability.added:
            if server.ready is None:
                continue
            seen = [view.discovery.seconds for view in server.clients if view.discovery]
            times = [seconds for seconds in seen if seconds is not None]
            if times:
                waited.append(min(times))
            elif any(view.discovery and view.discovery.not_observed for view in server.clients):
                hidden += 1
            else:
                watched.append(server.watched_until - server.ready)
                is_never = is_never and server.server not in adaptability.unknown
        servers = len(waited) + len(watched) + hidden
        return cls(servers, sorted(waited), sorted(watched), hidden, is_never)

    def words(self) -> str:
        """Return a clause about them."""
        if self.hidden:
            which = (
                "the added server" if self.servers == 1 else f"{self.hidden} of {self.servers} added servers"
            )
            known = _Arrivals(self.servers - self.hidden, self.waited, self.watched, is_never=self.is_never)
            others = f"; of the others, {known.words()}" if known.servers else ""
            return f"when {which} got the first request was not observed{others}"
        if self.watched:
            which = (
                "the added server"
                if self.servers == 1
                else f"{len(self.watched)} of {self.servers} added servers"
            )
            what = f"{which} never got a request" if self.is_never else f"no request to {which} was observed"
            clause = f"{what} (watched {_span(self.watched)})"
            if self.waited:
                clause += f"; {_others(len(self.waited))} within {time(self.waited[-1])}"
            return clause
        if self.servers == 1:
            return f"the added server got its first request {time(self.waited[0])} after it was Ready"
        return (
            f"each of {self.servers} added servers got its first request within {time(self.waited[-1])}"
            f" of being Ready (median {time(_median(self.waited))})"
        )


def _headline(settings: Sequence[SettingResult]) -> str:
    if not settings:
        return "Nothing was observed."
    scaling = _few(settings) if len(settings) <= MOST_NAMED else _many(settings)
    return " ".join(filter(None, [scaling, fault_sentence(settings), *load_sentences(settings)]))


def _few(settings: Sequence[SettingResult]) -> str:
    """Return what became of each setting's added and removed servers; empty if there were only faults."""
    alike: dict[str, list[str]] = {}
    for setting in settings:
        if not setting.faults or _was_scaled(setting) or not _rpcs(setting):
            alike.setdefault(_outcome(setting), []).append(setting.name)
    return " ".join(f"{together(names)}: {outcome}." for outcome, names in alike.items())


def _many(settings: Sequence[SettingResult]) -> str:
    arrivals = {setting.name: _Arrivals.of(setting.adaptability) for setting in settings}
    lacking = [name for name, arrival in arrivals.items() if arrival.watched and arrival.is_never]
    found_all = {
        name: arrival.waited[-1]
        for name, arrival in arrivals.items()
        if arrival.waited and not arrival.watched and not arrival.hidden
    }
    hidden = [
        name
        for name, arrival in arrivals.items()
        if arrival.hidden or (arrival.watched and not arrival.is_never)
    ]
    clauses = []
    if lacking:
        clauses.append(f"Under {together(lacking)}, servers that were added never got a request.")
    if found_all:
        fastest = min(found_all, key=lambda name: found_all[name])
        clauses.append(
            f"Under {together(list(found_all))}, each of them did, soonest under {fastest}"
            f" (within {time(found_all[fastest])})."
        )
    if hidden:
        clauses.append(f"Under {together(hidden)}, when added servers got requests was not observed.")
    if clauses:
        return " ".join(clauses)
    if any(setting.faults for setting in settings):
        return f"{len(settings)} settings ran."
    return f"{len(settings)} settings ran; no server was added. {_fewest_errors(settings)}"


def _outcome(setting: SettingResult) -> str:
    """Return the one clause that says most about the effects of a setting's scaling."""
    arrivals = _Arrivals.of(setting.adaptability)
    if not _rpcs(setting) and not _is_answered(setting):
        return "how RPCs ended was not observed" if _is_unknown(setting) else "no RPC was seen"
    if arrivals.servers:
        return arrivals.words()
    if setting.adaptability.added:
        return "no added server was Ready while it was watched"
    removed = len(setting.adaptability.removed)
    if removed:
        return f"{count(removed, 'server')} removed, {_failed(setting)}"
    return f"no server was added or removed; {_failed(setting)}"


def _was_scaled(setting: SettingResult) -> bool:
    return bool(setting.adaptability.added or setting.adaptability.removed)


def _rpcs(setting: SettingResult) -> int:
    return sum(setting.errors.client_by_code.values())


def _is_answered(setting: SettingResult) -> bool:
    """Whether it is known when servers answered, as counters tell it: nobody need know how RPCs ended."""
    return setting.distribution.not_observed is None and any(setting.distribution.total.values())


def _is_unknown(setting: SettingResult) -> bool:
    """Return whether nobody reported how RPCs ended."""
    return not setting.errors.client_by


def _points(setting: SettingResult) -> list[str]:
    points = [f"{point}."] if (point := scaling_point(setting)) else []
    adaptability = setting.adaptability
    if adaptability.discovery.median is not None and adaptability.detect.median is not None:
        points.append(
            f"time to detect an added server: {_median_of(adaptability.detect)}; time to discovery:"
            f" {_largest_of(adaptability.discovery)}."
        )
    late = [server.server for server in adaptability.added if server.ready is None]
    if late:
        points.append(f"{count(len(late), 'added server')} not Ready while watched: {together(late)}.")
    if spread := _spread(setting):
        points.append(spread)
    removed = adaptability.removed
    if removed:
        failed = [change.failed for change in adaptability.changes if change.removed]
        known = [number for number in failed if number is not None]
        detect = [view.detect for server in removed for view in server.clients]
        dropped = _last_dropped(detect, "it" if len(removed) == 1 else "them")
        meanwhile = (
            f"{count(sum(known), 'RPC')} failed meanwhile"
            if len(known) == len(failed)
            else "how many RPCs failed meanwhile was not observed"
        )
        points.append(f"{count(len(removed), 'server')} removed, {meanwhile}{dropped}.")
    points.extend(f"{fault_point(fault)}." for fault in setting.faults)
    points.append(f"{_failed(setting)}{' in the whole run' if setting.faults else ''}.")
    return points


def _spread(setting: SettingResult) -> str:
    """Return how even the last phase after an addition was."""
    for phase, spread in reversed(grown(setting)):
        if spread.largest_deviation is not None and spread.coverage is not None:
            return (
                f"after {phase.label}, {spread.coverage:.0%} of the Ready servers got requests; the largest"
                f" deviation from the fair share was {spread.largest_deviation:.0%}."
            )
    return ""


def _median_of(delays: DelaySummary) -> str:
    if delays.median is None or delays.median.not_observed:
        return NOT_OBSERVED
    return f"median {delays.median}{_hidden(delays)}"


def _largest_of(delays: DelaySummary) -> str:
    if delays.median is None or delays.median.not_observed:
        return NOT_OBSERVED
    return (
        f"median {delays.median}, largest {delays.largest}"
        f" (over {count(delays.count, 'pair')} of server and client{_hidden(delays)})"
    )


def _hidden(delays: DelaySummary) -> str:
    return f", {delays.not_observed:,} more {NOT_OBSERVED}" if delays.not_observed else ""


def _last_dropped(detect: Sequence[Delay], them: str) -> str:
    if any(delay.not_observed for delay in detect):
        return f"; when address lists dropped {them} was not observed"
    never = [delay for delay in detect if delay.seconds is None]
    if never:
        return f"; {len(never)} of {count(len(detect), 'address list')} never dropped {them}"
    if not detect:
        return ""
    last = max(delay.seconds for delay in detect if delay.seconds is not None)
    return f"; the last address list dropped {them} after {time(last)}"


def _failed(setting: SettingResult) -> str:
    if _is_unknown(setting):
        return "how many RPCs failed was not observed"
    counts = setting.errors.client_by_code
    total = sum(counts.values())
    failed = total - counts.get("OK", 0)
    by = "" if setting.errors.client_by == BY_SPANS else f", by {setting.errors.client_by}"
    if not failed:
        return f"none of {count(total, 'RPC')} failed{by}"
    codes = ", ".join(f"{number:,} {code}" for code, number in counts.items() if code != "OK")
    return f"{failed:,} of {count(total, 'RPC')} failed ({codes}{by})"


def _fewest_errors(settings: Sequence[SettingResult]) -> str:
    best = min(settings, key=lambda setting: setting.errors.ratio or 0.0)
    return f"Fewest errors under {best.name}: {_failed(best)}."


def _distrust(settings: Sequence[SettingResult]) -> str:
    """Return what a ledger that does not close means for the reader."""
    if any(entry.concerns == "figures" for entry in _all_open(settings)):
        return "The counts of this run do not agree, so its figures cannot be trusted."
    return "Not all of this run reached the Collector: its figures are complete here, not in the backends."


def _all_open(settings: Sequence[SettingResult]) -> list[Entry]:
    return [entry for setting in settings for entry in setting.ledger.entries if not entry.closes]


def _open_entries(settings: Sequence[SettingResult]) -> str:
    # A Collector's count covers all settings together, so each of them has the same entry.
    entries = list(dict.fromkeys(_all_open(settings)))
    return "; ".join(
        f"{entry.left} {entry.left_count:,}, {entry.right} {entry.right_count:,}{_note(entry)}"
        for entry in entries[:3]
    ) + ("; …" if len(entries) > 3 else "")


def _note(entry: Entry) -> str:
    return f" ({entry.note})" if entry.note else ""


def _median(ordered: Sequence[float]) -> float:
    """Return the smallest value that at least half do not exceed, as in ``delays``."""
    return ordered[(len(ordered) - 1) // 2]


def _others(count: int) -> str:
    return "the other one got its first" if count == 1 else f"the other {count} got theirs"


def _span(seconds: Sequence[float]) -> str:
    low, high = f"{seconds[0]:.0f}", f"{seconds[-1]:.0f}"
    return f"{low} s" if low == high else f"{low} to {high} s"
