"""The verdict: what the figures say, in words that a newcomer understands. Nothing is measured here."""

from collections.abc import Sequence
from dataclasses import dataclass

from lbstudy.result.growth import grown
from lbstudy.result.model import Added, Delay, Entry, SettingResult, Verdict
from lbstudy.result.trouble import fault_point, fault_sentence
from lbstudy.result.words import MOST_NAMED, count, time, together


def verdict(settings: Sequence[SettingResult]) -> Verdict:
    """A headline with the contrast between the settings, and a few points for each of them."""
    headline = _headline(settings)
    is_open = [setting.name for setting in settings if not setting.ledger.closes]
    points = []
    if is_open:
        headline = f"{_distrust(settings)} {headline}"
        points.append(f"The ledger does not close for {together(is_open)}: {_open_entries(settings)}.")
    for setting in settings:
        points.extend(f"{setting.name}: {point}" for point in _points(setting))
    return Verdict(headline=headline, points=points)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """When the servers that were added got their first request from any client."""

    servers: int  # that were Ready while they were watched
    waited: list[float]  # of those that got one: s from Ready
    watched: list[float]  # of those that never did: s for which they were watched

    @classmethod
    def of(cls, added: Sequence[Added]) -> "_Arrivals":
        waited, watched = [], []
        for server in added:
            if server.ready is None:
                continue
            seen = [view.discovery.seconds for view in server.clients if view.discovery]
            times = [seconds for seconds in seen if seconds is not None]
            if times:
                waited.append(min(times))
            else:
                watched.append(server.watched_until - server.ready)
        return cls(len(waited) + len(watched), sorted(waited), sorted(watched))

    def words(self) -> str:
        """A clause: what became of them."""
        if self.watched:
            which = (
                "the added server"
                if self.servers == 1
                else f"{len(self.watched)} of {self.servers} added servers"
            )
            clause = f"{which} never got a request (watched {_span(self.watched)})"
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
    return " ".join(filter(None, [scaling, fault_sentence(settings)]))


def _few(settings: Sequence[SettingResult]) -> str:
    """What became of each setting's added and removed servers; nothing where there were only faults."""
    alike: dict[str, list[str]] = {}
    for setting in settings:
        if not setting.faults or _was_scaled(setting) or not _rpcs(setting):
            alike.setdefault(_outcome(setting), []).append(setting.name)
    return " ".join(f"{together(names)}: {outcome}." for outcome, names in alike.items())


def _many(settings: Sequence[SettingResult]) -> str:
    arrivals = {setting.name: _Arrivals.of(setting.adaptability.added) for setting in settings}
    lacking = [name for name, found in arrivals.items() if found.watched]
    found_all = {
        name: found.waited[-1] for name, found in arrivals.items() if found.waited and not found.watched
    }
    clauses = []
    if lacking:
        clauses.append(f"Under {together(lacking)}, servers that were added never got a request.")
    if found_all:
        fastest = min(found_all, key=lambda name: found_all[name])
        clauses.append(
            f"Under {together(list(found_all))}, each of them did, soonest under {fastest}"
            f" (within {time(found_all[fastest])})."
        )
    if clauses:
        return " ".join(clauses)
    if any(setting.faults for setting in settings):
        return f"{len(settings)} settings ran."
    return f"{len(settings)} settings ran; no server was added. {_fewest_errors(settings)}"


def _outcome(setting: SettingResult) -> str:
    """The one clause that says most of what scaling a setting's servers came to."""
    arrivals = _Arrivals.of(setting.adaptability.added)
    if not _rpcs(setting):
        return "no RPC was seen"
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


def _points(setting: SettingResult) -> list[str]:
    points = []
    adaptability = setting.adaptability
    if adaptability.discovery.median is not None and adaptability.detect.median is not None:
        points.append(
            f"time to detect an added server: median {adaptability.detect.median}; time to discovery:"
            f" median {adaptability.discovery.median}, largest {adaptability.discovery.largest}"
            f" (over {count(adaptability.discovery.count, 'pair')} of server and client)."
        )
    late = [server.server for server in adaptability.added if server.ready is None]
    if late:
        points.append(f"{count(len(late), 'added server')} not Ready while watched: {together(late)}.")
    if spread := _spread(setting):
        points.append(spread)
    removed = adaptability.removed
    if removed:
        shrinking = sum(change.failed for change in adaptability.changes if change.removed)
        detect = [view.detect for server in removed for view in server.clients]
        dropped = _last_dropped(detect, "it" if len(removed) == 1 else "them")
        points.append(
            f"{count(len(removed), 'server')} removed, {count(shrinking, 'RPC')} failed meanwhile{dropped}."
        )
    points.extend(f"{fault_point(fault)}." for fault in setting.faults)
    points.append(f"{_failed(setting)}{' in the whole run' if setting.faults else ''}.")
    return points


def _spread(setting: SettingResult) -> str:
    """How even the last phase that followed an addition was."""
    for phase, spread in reversed(grown(setting)):
        if spread.largest_deviation is not None and spread.coverage is not None:
            return (
                f"after {phase.label}, {spread.coverage:.0%} of the Ready servers got requests; the largest"
                f" deviation from the fair share was {spread.largest_deviation:.0%}."
            )
    return ""


def _last_dropped(detect: Sequence[Delay], them: str) -> str:
    never = [found for found in detect if found.seconds is None]
    if never:
        return f"; {len(never)} of {count(len(detect), 'address list')} never dropped {them}"
    if not detect:
        return ""
    last = max(found.seconds for found in detect if found.seconds is not None)
    return f"; the last address list dropped {them} after {time(last)}"


def _failed(setting: SettingResult) -> str:
    counts = setting.errors.client_by_code
    total = sum(counts.values())
    failed = total - counts.get("OK", 0)
    if not failed:
        return f"none of {count(total, 'RPC')} failed"
    codes = ", ".join(f"{number:,} {code}" for code, number in counts.items() if code != "OK")
    return f"{failed:,} of {count(total, 'RPC')} failed ({codes})"


def _fewest_errors(settings: Sequence[SettingResult]) -> str:
    best = min(settings, key=lambda setting: setting.errors.ratio or 0.0)
    return f"Fewest errors under {best.name}: {_failed(best)}."


def _distrust(settings: Sequence[SettingResult]) -> str:
    """What a ledger that does not close means for the reader."""
    if any(entry.concerns == "figures" for entry in _all_open(settings)):
        return "The counts of this run do not agree, so its figures cannot be trusted."
    return "Not all of this run reached the Collector: its figures are whole here, but not in the backends."


def _all_open(settings: Sequence[SettingResult]) -> list[Entry]:
    return [entry for setting in settings for entry in setting.ledger.entries if not entry.closes]


def _open_entries(settings: Sequence[SettingResult]) -> str:
    # What was sent to a Collector is counted for all settings together, and told by each of them.
    entries = list(dict.fromkeys(_all_open(settings)))
    return "; ".join(
        f"{entry.left} {entry.left_count:,}, {entry.right} {entry.right_count:,}{_note(entry)}"
        for entry in entries[:3]
    ) + ("; …" if len(entries) > 3 else "")


def _note(entry: Entry) -> str:
    return f" ({entry.note})" if entry.note else ""


def _median(ordered: Sequence[float]) -> float:
    """The smallest value that at least half do not exceed, as ``delays`` has it."""
    return ordered[(len(ordered) - 1) // 2]


def _others(count: int) -> str:
    return "the other one got its first" if count == 1 else f"the other {count} got theirs"


def _span(seconds: Sequence[float]) -> str:
    low, high = f"{seconds[0]:.0f}", f"{seconds[-1]:.0f}"
    return f"{low} s" if low == high else f"{low} to {high} s"
