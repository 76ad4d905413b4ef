"""The effects of a run's faults with each setting, in the verdict's words. It measures nothing."""

from collections.abc import Mapping, Sequence

from lbstudy.result.model import FaultEffects, Group, SettingResult
from lbstudy.result.words import MOST_NAMED, count, time, together

_STILL = 0.75
"""From this share of the earlier requests on, a client "still" sends to the servers in trouble."""


def fault_point(fault: FaultEffects) -> str:
    """Return what one fault did to one setting."""
    return f"{_named(fault)}: {_effect(fault)}"


def fault_sentence(settings: Sequence[SettingResult]) -> str:
    """Return what the faults did to the settings, side by side; of several faults, the worst. "" without any.

    It is short, since the points have each setting's figures.
    """
    by_label: dict[str, dict[str, FaultEffects]] = {}
    for setting in settings:
        for fault in setting.faults:
            by_label.setdefault(fault.label, {})[setting.name] = fault
    if not by_label:
        return ""
    worst = max(by_label.values(), key=_badness)
    intro = f"Worst of {len(by_label)} faults," if len(by_label) > 1 else "Fault"
    if all(fault.not_observed is not None for fault in worst.values()):
        return (
            f"{intro} {_named(next(iter(worst.values())))}: what happened to RPCs meanwhile was not observed."
        )
    worst = {name: fault for name, fault in worst.items() if fault.not_observed is None}
    during = {name: _during(fault) for name, fault in worst.items()}
    clauses = _failures(during) if any(group.failed for group in during.values()) else _slowness(worst)
    return f"{intro} {_named(next(iter(worst.values())))}: {clauses}."


def _failures(during: Mapping[str, Group]) -> str:
    """Return who lost how many, the most first; equal losses share it. If there are many, only both ends."""
    alike: dict[tuple[int, int], list[str]] = {}
    for name, group in during.items():
        alike.setdefault((group.failed, group.requests if group.failed else 0), []).append(name)
    ordered = sorted(alike.items(), reverse=True)
    if len(ordered) > MOST_NAMED:
        (most, worst), (fewest, best) = ordered[0], ordered[-1]
        return f"most RPCs failed under {_those(most, worst)}, fewest under {_those(fewest, best)}"
    clauses: list[str] = []
    for (failed, requests), names in ordered:
        amount = (
            f"{failed:,} of {count(requests, 'RPC')} failed" if not clauses else f"{failed:,} of {requests:,}"
        )
        clauses.append(f"{amount if failed else 'none'} under {together(names)}")
    return ", ".join(clauses)


def _those(amount: tuple[int, int], names: Sequence[str]) -> str:
    failed, requests = amount
    return f"{together(names)} ({f'{failed:,} of {requests:,}' if failed else 'none'})"


def _slowness(faults: Mapping[str, FaultEffects]) -> str:
    """Return how slow they became, when no RPC failed. If there are many settings, only both ends."""
    slow = {name: group.p99 for name, fault in faults.items() if (group := _during(fault)).p99 is not None}
    if not slow:
        return "no RPC failed"
    if len(slow) > MOST_NAMED:
        ends = min(slow, key=slow.__getitem__), max(slow, key=slow.__getitem__)
        return f"no RPC failed; p99 {' to '.join(f'{time(slow[name])} under {name}' for name in ends)}"
    clauses = [f"{time(slow[name])}{_before(faults[name])} under {name}" for name in slow]
    return f"no RPC failed; p99 {', '.join(clauses)}"


def _badness(faults: Mapping[str, FaultEffects]) -> tuple[int, float]:
    """Return how bad a fault was: RPCs that failed with all settings; then the largest p99."""
    during = [_during(fault) for fault in faults.values()]
    return sum(group.failed for group in during), max(group.p99 or 0.0 for group in during)


def _named(fault: FaultEffects) -> str:
    """Return the fault and its time; quoted text is the scenario's own."""
    start = f"{fault.start:.0f}"
    if fault.watched_until is not None and fault.watched_until > fault.end:
        return f"“{fault.label}”, the {fault.watched_until - fault.start:.0f} s from {start} s on"
    return f"“{fault.label}”, {start} to {fault.end:.0f} s"


def _effect(fault: FaultEffects) -> str:
    during = _during(fault)
    if fault.not_observed is not None and not during.requests:
        return "what happened to RPCs meanwhile was not observed"
    if not during.requests:
        return "no RPC was under way"
    sending = _sending(fault)
    return f"{_failed(during)}{_p99(fault)}{'; ' if sending else ''}{sending}"


def _p99(fault: FaultEffects) -> str:
    p99 = _during(fault).p99
    return "" if p99 is None else f", p99 {time(p99)}{_before(fault)}"


def _before(fault: FaultEffects) -> str:
    p99 = fault.before.p99 if fault.before else None
    return "" if p99 is None else f" ({time(p99)} before)"


def _failed(group: Group) -> str:
    if not group.failed:
        return f"none of {count(group.requests, 'RPC')} failed"
    return f"{group.failed:,} of {count(group.requests, 'RPC')} failed"


def _sending(fault: FaultEffects) -> str:
    """Return whether clients kept sending to the servers in trouble."""
    if fault.share is None:
        return ""
    before = "" if fault.share_before is None else f" ({_percent(fault.share_before)} before)"
    if not fault.share:
        return f"in its second half {_troubled(fault)} got none of the requests{before}"
    kept = fault.share_before is not None and fault.share >= _STILL * fault.share_before
    still = "still " if kept else ""
    return f"in its second half {_troubled(fault)} {still}got {_percent(fault.share)} of the requests{before}"


def _troubled(fault: FaultEffects) -> str:
    return f"the {'server' if len(fault.servers) == 1 else f'{len(fault.servers)} servers'} in trouble"


def _percent(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"


def _during(fault: FaultEffects) -> Group:
    """Return all RPCs of a fault; for a result without a figure of them, those of its parts."""
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
