"""The verdict: what the figures say, in words that a newcomer understands. It measures nothing."""

from collections.abc import Sequence

from lbstudy.result.doubts import doubts
from lbstudy.result.first_requests import FirstRequests
from lbstudy.result.growth import grown
from lbstudy.result.kinds_of_load import load_sentences
from lbstudy.result.model import (
    BY_SPANS,
    NOT_OBSERVED,
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
    firsts = {setting.name: FirstRequests.of(setting.adaptability) for setting in settings}
    lacking = [name for name, requests in firsts.items() if requests.watched and requests.is_never]
    found_all = {
        name: requests.waited[-1]
        for name, requests in firsts.items()
        if requests.waited and not requests.watched and not requests.hidden
    }
    hidden = [
        name
        for name, requests in firsts.items()
        if requests.hidden or (requests.watched and not requests.is_never)
    ]
    clauses = []
    if lacking:
        clauses.append(f"Under {together(lacking)}, servers that were added never got a request.")
    if found_all:
        fastest = min(found_all, key=lambda name: found_all[name])
        but = " that was watched for long enough" if any(firsts[name].briefly for name in found_all) else ""
        clauses.append(
            f"Under {together(list(found_all))}, each of them{but} did, soonest under {fastest}"
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
    requests = FirstRequests.of(setting.adaptability)
    if not _rpcs(setting) and not _is_answered(setting):
        return "how RPCs ended was not observed" if _is_unknown(setting) else "no RPC was seen"
    if requests.servers:
        return requests.words()
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
