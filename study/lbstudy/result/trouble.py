"""What the faults of a run came to under each setting, in the verdict's words. Nothing is measured here."""

from collections.abc import Mapping, Sequence

from lbstudy.result.model import Fault, Group, SettingResult
from lbstudy.result.words import MOST_NAMED, count, time, together

_STILL = 0.75
"""Of the share before the fault: from here on a client "still" sends to the servers in trouble."""


def fault_point(fault: Fault) -> str:
    """What one fault did to one setting."""
    return f"{_named(fault)}: {_effect(fault)}"


def fault_sentence(settings: Sequence[SettingResult]) -> str:
    """What the faults did to the settings, side by side; of several faults, the worst. "" without any."""
    by_label: dict[str, dict[str, Fault]] = {}
    for setting in settings:
        for fault in setting.faults:
            by_label.setdefault(fault.label, {})[setting.name] = fault
    if not by_label:
        return ""
    found = max(by_label.values(), key=_badness)
    rank = f" (of {len(by_label)} faults, the one that did most)" if len(by_label) > 1 else ""
    told = _each(found) if len(settings) <= MOST_NAMED else _contrast(found)
    return f"Fault {_named(next(iter(found.values())))}{rank}: {told}."


def _each(faults: Mapping[str, Fault]) -> str:
    """Each setting in short; the points tell the rest."""
    told = "; ".join(f"under {name} {_failed(_during(fault))}{_p99(fault)}" for name, fault in faults.items())
    shares = [f"{_percent(fault.share)} under {name}" for name, fault in faults.items() if fault.share]
    shares += [f"none under {name}" for name, fault in faults.items() if fault.share == 0]
    if not shares:
        return told
    who = _troubled(next(iter(faults.values())))
    return f"{told}. Of the requests in its second half {who} got {together(shares)}"


def _badness(faults: Mapping[str, Fault]) -> tuple[int, float]:
    """How much a fault did: RPCs that failed under all settings; then the largest p99."""
    during = [_during(fault) for fault in faults.values()]
    return sum(group.failed for group in during), max(group.p99 or 0.0 for group in during)


def _named(fault: Fault) -> str:
    """The fault and when it was; what is quoted is the scenario's own."""
    start = f"{fault.start:.0f}"
    if fault.watched_until is not None and fault.watched_until > fault.end:
        return f"“{fault.label}”, the {fault.watched_until - fault.start:.0f} s from {start} s on"
    return f"“{fault.label}”, {start} to {fault.end:.0f} s"


def _effect(fault: Fault) -> str:
    during = _during(fault)
    if not during.requests:
        return "no RPC was under way"
    sending = _sending(fault)
    return f"{_failed(during)}{_p99(fault)}{'; ' if sending else ''}{sending}"


def _p99(fault: Fault) -> str:
    p99 = _during(fault).p99
    if p99 is None:
        return ""
    before = fault.before.p99 if fault.before else None
    return f", p99 {time(p99)}" + ("" if before is None else f" ({time(before)} before)")


def _failed(group: Group) -> str:
    if not group.failed:
        return f"none of {count(group.requests, 'RPC')} failed"
    return f"{group.failed:,} of {count(group.requests, 'RPC')} failed"


def _sending(fault: Fault) -> str:
    """Whether clients kept sending to the servers in trouble."""
    if fault.share is None:
        return ""
    before = "" if fault.share_before is None else f" ({_percent(fault.share_before)} before)"
    if not fault.share:
        return f"in its second half {_troubled(fault)} got none of the requests{before}"
    kept = fault.share_before is not None and fault.share >= _STILL * fault.share_before
    still = "still " if kept else ""
    return f"in its second half {_troubled(fault)} {still}got {_percent(fault.share)} of the requests{before}"


def _troubled(fault: Fault) -> str:
    return f"the {'server' if len(fault.servers) == 1 else f'{len(fault.servers)} servers'} in trouble"


def _percent(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"


def _contrast(faults: Mapping[str, Fault]) -> str:
    """The settings at both ends."""
    during = {name: _during(fault) for name, fault in faults.items()}
    fewest = min(during, key=lambda name: during[name].failed)
    most = max(during, key=lambda name: during[name].failed)
    if not during[most].failed:
        clauses = ["no RPC failed under any setting"]
    elif during[fewest].failed == during[most].failed:
        clauses = [f"{count(during[most].failed, 'RPC')} failed under each setting"]
    else:
        low, high = (f"{name} ({_of(during[name])})" for name in (fewest, most))
        clauses = [f"fewest RPCs failed under {low}, most under {high}"]
    slow = {name: group.p99 for name, group in during.items() if group.p99 is not None}
    if slow:
        fast, slowest = min(slow, key=slow.__getitem__), max(slow, key=slow.__getitem__)
        clauses.append(f"p99 was between {time(slow[fast])} ({fast}) and {time(slow[slowest])} ({slowest})")
    left = [name for name, fault in faults.items() if fault.share == 0]
    if left:
        clauses.append(f"only under {together(left)} no requests went to the trouble in its second half")
    elif any(fault.share is not None for fault in faults.values()):
        clauses.append("requests went to the trouble to its end under each setting")
    return "; ".join(clauses)


def _of(group: Group) -> str:
    return f"{group.failed:,} of {group.requests:,}"


def _during(fault: Fault) -> Group:
    """All RPCs of a fault; of a result that has no figure of them yet, those of its parts."""
    if fault.during is not None:
        return fault.during
    groups = [fault.troubled, fault.untouched, fault.unanswered]
    return Group(
        servers=sum(group.servers for group in groups),
        requests=sum(group.requests for group in groups),
        failed=sum(group.failed for group in groups),
        p50=None,
        p99=None,
    )
