"""How many requests a rollout or a scale-down lost, by a watch of it. Pure.

Clients' spans tell how requests ended. What they tell is at least what was lost: more than the bound fails.
That no more were lost is known only if each client told of requests until some time after the last change,
and no source was away meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from lbstudy.config.requirement import RemovedServer, RollingUpdate
from lbstudy.gate.model import State
from lbstudy.watch.model import ClientResult, PodResult, ServiceResult, WatchResult
from lbstudy.watch.words import ago, counted, listed

SETTLED: Final = 10.0
"""s after the last change, for which each client must have told of requests."""
_ENDS: Final = ("terminating", "gone")
_SPANS: Final = ("spans: ", "Jaeger: ", "Tempo: ")
_LOST: Final = "the watch goes on with what is left"

Judged = tuple[State, str, str]
"""The state, the figure, and why it does not hold."""


def losses(clause: RemovedServer | RollingUpdate, service: ServiceResult, watch: WatchResult) -> Judged:
    """Whether the pods that were ended, or replaced, cost more requests than the clause allows."""
    ended = sorted(at for pod in service.pods if (at := _ended(pod, watch.began)) is not None)
    new = [ready for pod in service.pods if (ready := _became_ready(pod, watch.began)) is not None]
    if not ended:
        return State.UNDECIDED, "no pod was ended during the watch", ""
    if isinstance(clause, RollingUpdate) and not new:
        return State.UNDECIDED, "no rollout was seen: pods were ended, and no pod became Ready", ""
    replaces = isinstance(clause, RollingUpdate)
    begin = min([*ended, *(new if replaces else [])])
    changes = [at for pod in service.pods for at in _changes(pod, begin, replaces=replaces)]
    telling = [client for client in service.clients if client.told_until is not None]
    lost = Counter(each.code for teller in telling for each in teller.newest_lost if each.at >= begin)
    happened = f"{counted(len(ended), 'pod')} ended, {len(new)} became Ready; "
    text = f"{happened}{counted(lost.total(), 'request')} lost{_codes(lost)}"
    if lost.total() > clause.lost_at_most:
        return State.FAILS, text, _reason(telling, begin, lost)
    if (why := _unknown(service.clients)) is not None:
        return State.NOT_OBSERVED, f"{happened}{why}", ""
    if (why := _undecided(telling, begin, max(changes), watch)) is not None:
        return State.UNDECIDED, f"{text}; {why}", ""
    return State.HOLDS, f"{text}, as {listed([client.name for client in telling])} told", ""


def _ended(pod: PodResult, began: float) -> float | None:
    ends = [when.at - when.error for stage in _ENDS if (when := pod.stages.get(stage)) is not None]
    return max(min(ends), began) if ends and max(ends) >= began else None


def _became_ready(pod: PodResult, began: float) -> float | None:
    return pod.last_ready.at if pod.last_ready is not None and pod.last_ready.at >= began else None


def _changes(pod: PodResult, begin: float, *, replaces: bool) -> list[float]:
    stages = (*_ENDS, *(("ready",) if replaces else ()))
    return [when.at for stage in stages if (when := pod.stages.get(stage)) is not None and when.at >= begin]


def _unknown(clients: Sequence[ClientResult]) -> str | None:
    """Why it is not observed how requests end; None: each client tells."""
    if not clients:
        return "how requests end is not observed: spans of the clients would tell"
    silent = [client.name for client in clients if client.told_until is None]
    return f"how requests of {listed(silent)} end is not observed: their spans would tell" if silent else None


def _undecided(telling: Sequence[ClientResult], begin: float, last: float, watch: WatchResult) -> str | None:
    """Why more may have been lost than was told; None: no more were."""
    away = [event.text for event in watch.events if event.at >= begin and _is_away(event.text)]
    if away:
        return f"there may be more, since a source was away: {away[0]}"
    for client in telling:
        if unplaced := sum(at >= begin for at in client.unplaced):
            words = (
                f"{counted(unplaced, 'request')} of {client.name} was lost, to which Service is not observed"
            )
            return words.replace(" was ", " were ") if unplaced > 1 else words
        if client.lost > len(client.newest_lost) and client.newest_lost[0].at >= begin:
            return f"{client.name} lost more than are kept"
        if (client.told_until or 0.0) < last + SETTLED:
            return f"{client.name} told of no request {SETTLED:g} s after the last change or later"
    return None


def _is_away(text: str) -> bool:
    return text.startswith(_SPANS) and text.endswith(_LOST)


def _reason(telling: Sequence[ClientResult], begin: float, lost: Counter[str]) -> str:
    parts = []
    for client in telling:
        mine = [each for each in client.newest_lost if each.at >= begin]
        if mine:
            first, last = mine[0].at - begin, max(each.at for each in mine) - begin
            parts.append(
                f"{client.name} lost {len(mine)}, {ago(min(first, last))} to {ago(last)} after the"
                f" first change"
            )
    return f"{'; '.join(parts)}{_codes(lost)}."


def _codes(lost: Counter[str]) -> str:
    return f" ({', '.join(f'{count} {code}' for code, count in lost.most_common())})" if lost else ""
