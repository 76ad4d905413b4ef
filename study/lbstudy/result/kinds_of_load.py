"""What became of streams, of cold servers and of encrypted connections, in the headline's words.

Nothing is measured here. A sentence each, of the settings that had such load, side by side.
"""

from collections.abc import Mapping, Sequence

from lbstudy.result.model import NOT_OBSERVED, DelaySummary, SettingResult, Streams, Young
from lbstudy.result.words import MOST_NAMED, count, time, together


def load_sentences(settings: Sequence[SettingResult]) -> list[str]:
    """The sentences; none where all load was short RPCs in plain text to servers that are warm at once."""
    streams = {s.name: s.streams for s in settings if s.streams is not None}
    cold = [s for s in settings if s.options.get("cold")]
    encrypted = [s for s in settings if s.options.get("tls")]
    return [*(_streams(streams) if streams else []), *_cold(cold), *_encrypted(encrypted)]


# --- streams --------------------------------------------------------------------------------------


def _streams(streams: Mapping[str, Streams]) -> list[str]:
    """How long they held on to servers (at a scale-down if there was one), and how many were cut."""
    sentences = []
    if any(_has(result, "servers that go") for result in streams.values()):
        held = {name: _held(result, result.held) for name, result in streams.items()}
        what = "Streams held on to servers that go for"
        sentences.append(f"{what} {_beside(held)} (median).")
    elif any(_has(result, "servers that stay") for result in streams.values()):
        stayed = {name: _held(result, result.stayed) for name, result in streams.items()}
        what = "After servers were added, streams went on where they were for"
        sentences.append(f"{what} {_beside(stayed)} (median).")
    sentences.append(_cuts(streams))
    return sentences


def _has(streams: Streams, of: str) -> bool:
    return any(change.of == of for change in streams.changes)


def _held(streams: Streams, holding: DelaySummary) -> str:
    """The median; where no stream has one, that there was none, or that nobody knows."""
    if holding.median is not None:
        return str(holding.median)
    return f"a time that was {NOT_OBSERVED}" if streams.unknown else "no time (none was open)"


def _cuts(streams: Mapping[str, Streams]) -> str:
    if not any(result.cut for result in streams.values()):
        return f"None of {count(sum(result.count for result in streams.values()), 'stream')} was cut."
    return f"Cut: {_beside({name: _cut(result) for name, result in streams.items()})}."


def _cut(streams: Streams) -> str:
    if not streams.cut:
        return f"none of {streams.count:,} streams"
    text = f"{streams.cut:,} of {count(streams.count, 'stream')}"
    if streams.cut_staying:
        text += f" ({streams.cut_staying:,} of them though their server stayed)"
    return text


# --- servers that are cold ------------------------------------------------------------------------


def _cold(settings: Sequence[SettingResult]) -> list[str]:
    """Latency of new servers' first seconds, beside that of later ones."""
    if not settings:
        return []
    window = time(settings[0].latency.young_window)
    by_setting = {setting.name: _young(setting) for setting in settings}
    return [f"In a server’s first {window}, p99 was {_beside(by_setting)}."]


def _young(setting: SettingResult) -> str:
    young = setting.latency.young
    if young is None or young.p99 is None:
        return NOT_OBSERVED
    return f"{time(young.p99)} ({_later(young)})"


def _later(young: Young) -> str:
    return "there was no later" if young.later_p99 is None else f"later {time(young.later_p99)}"


# --- encrypted connections ------------------------------------------------------------------------


def _encrypted(settings: Sequence[SettingResult]) -> list[str]:
    """How long connecting took, and how many connected at about the same time."""
    if not settings:
        return []
    by_setting = {setting.name: _connecting(setting) for setting in settings}
    return [f"Time to make an encrypted connection (p99): {_beside(by_setting)}."]


def _connecting(setting: SettingResult) -> str:
    connecting = setting.connecting
    if connecting is None or (connecting.not_observed is not None and not connecting.count):
        return NOT_OBSERVED
    took = NOT_OBSERVED if connecting.p99 is None else time(connecting.p99)
    return f"{took}, up to {connecting.storm:,} made within one second"


# --------------------------------------------------------------------------------------------------


def _beside(texts: Mapping[str, str]) -> str:
    """What is to be said of each setting; those of which it is the same share it. Of many, the first ones."""
    alike: dict[str, list[str]] = {}
    for name, text in texts.items():
        alike.setdefault(text, []).append(name)
    if len(texts) == 1:
        return next(iter(alike))
    clauses = [f"{text} under {together(names)}" for text, names in alike.items()]
    more = len(clauses) - MOST_NAMED
    return "; ".join([*clauses[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])
