"""Judges a requirement by a watch of a live Service, which shows somebody else's rollout. No I/O."""

from collections.abc import Sequence
from typing import Final

from lbstudy.config.clause_scenario import FAULT_OF
from lbstudy.config.requirement import (
    HOLDS_IN,
    AnyClause,
    Connections,
    MeasureClause,
    NewServer,
    RemovedServer,
    Requirement,
    RollingUpdate,
)
from lbstudy.gate.losses import losses
from lbstudy.gate.model import ClauseVerdict, GateResult, JudgedRun, SettingVerdict, State, Watched
from lbstudy.gate.new_pods import Called, calls, new_pods
from lbstudy.watch.model import SourceResult, WatchResult

_SHOWN: Final = 3  # pods and clients that a reason lists


def judge(requirement: Requirement, watch: WatchResult, *, command: str, started: str) -> GateResult:
    """Return the verdict on a watch of one Service.

    Args:
        requirement: what must hold.
        watch: a watch of exactly one Service.
        command: the command as the user typed it.
        started: ISO 8601, UTC.
    """
    (service,) = watch.services
    clauses = [_clause(number, clause, watch) for number, clause in enumerate(requirement.clause, start=1)]
    state = State.of_all(clause.state for clause in clauses)
    proof = requirement.proof
    return GateResult(
        requirement=requirement.name,
        description=requirement.description,
        requirement_toml=requirement.toml,
        command=command,
        started=started,
        platform="kubernetes",
        confidence=proof.confidence,
        share=proof.share,
        holds_in=HOLDS_IN,
        most_runs=proof.most_runs,
        state=state,
        settings=[
            SettingVerdict(
                setting=service.name,
                description=f"as it was watched for {watch.ended - watch.began:.0f} s",
                state=state,
                clauses=clauses,
            )
        ],
        not_counted=[],
        watched=Watched(
            began=watch.began,
            ended=watch.ended,
            became_ready=[pod.name for pod in new_pods(service, watch.began)],
            evidence=[_source(source) for source in watch.sources],
        ),
    )


def beyond_a_watch(clause: AnyClause) -> tuple[State, str] | None:
    """Return the state and reason if a watch can never decide a clause; None if it can."""
    if isinstance(clause, NewServer | RemovedServer | RollingUpdate):
        return None
    if type(clause) in FAULT_OF:
        return State.NOT_JUDGED, "not judged by a watch: it needs a fault, and a watch makes none; runs do"
    if isinstance(clause, MeasureClause):
        return State.NOT_JUDGED, "not judged by a watch: it is about a run of a scenario"
    what = "new connections" if isinstance(clause, Connections) else "DNS queries"
    return State.NOT_OBSERVED, f"not observed: a watch does not count {what}; runs do (without --watch)"


def _clause(number: int, clause: AnyClause, watch: WatchResult) -> ClauseVerdict:
    state, figure, reason = _judged(clause, watch)
    held = {State.HOLDS: True, State.FAILS: False}.get(state)
    runs = [JudgedRun(folder="", held=held, found=figure, reason=reason if held is False else "")]
    return ClauseVerdict(
        number=number,
        kind=clause.kind,
        text=clause.in_words(),
        scenario="",
        state=state,
        held=int(held is True),
        runs=runs,
        reason=reason,
    )


def _judged(clause: AnyClause, watch: WatchResult) -> tuple[State, str, str]:
    """Return the state, the figure, and why the clause does not hold."""
    if isinstance(clause, RemovedServer | RollingUpdate):
        return losses(clause, watch.services[0], watch)
    if not isinstance(clause, NewServer):
        state, why = beyond_a_watch(clause) or (State.NOT_JUDGED, "not judged by a watch")
        return state, why, ""
    (service,) = watch.services
    called = calls(clause.within, service, watch)
    if not called:
        return State.UNDECIDED, "no rollout was seen: no pod became Ready during the watch", ""
    pods = len({call.pod for call in called})
    seen = f"{pods} pod{'s' if pods > 1 else ''} became Ready"
    state = State.of_all(call.state for call in called)
    if state is State.HOLDS:
        clients = sorted({call.client for call in called})
        slowest = max(call.latest or 0.0 for call in called)
        return state, f"{seen}; called by {', '.join(clients)} within {slowest:.2g} s", ""
    worst = [call for call in called if call.state is state]
    return state, f"{seen}; {_several(worst)}", _reasons(worst, watch) if state is State.FAILS else ""


def _several(called: Sequence[Called]) -> str:
    more = len(called) - _SHOWN
    return "; ".join([*(call.words for call in called[:_SHOWN]), *([f"and {more} more"] if more > 0 else [])])


def _reasons(late: Sequence[Called], watch: WatchResult) -> str:
    """Return which client was late for which pod, with the watch's reason."""
    said = [f"{call.words}.{_why(call, watch)}" for call in late[:_SHOWN]]
    return " ".join([*said, *([f"{len(late) - _SHOWN} more came late."] if len(late) > _SHOWN else [])])


def _why(late: Called, watch: WatchResult) -> str:
    events = [event for event in watch.events if event.kind == "uncalled" and late.pod in event.pods]
    about = [event for event in events if late.client in event.why] or events
    return f' The watch said: "{about[-1].text}".' if about else ""


def _source(source: SourceResult) -> str:
    lacks = f"; lacks: {source.lacks}" if source.lacks else ""
    return f"{source.name}: {source.has or 'nothing'}{lacks}"
