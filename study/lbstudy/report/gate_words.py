"""Sentences that all forms of a gate's verdict share."""

from lbstudy.gate.model import ClauseVerdict, GateResult, State
from lbstudy.watch.words import ago, counted

_WHOLE = {
    State.HOLDS: "The requirement {name} holds.",
    State.FAILS: "The requirement {name} does not hold.",
    State.UNDECIDED: "Whether the requirement {name} holds is undecided: the runs allowed have not shown it.",
    State.NOT_OBSERVED: "Whether the requirement {name} holds is not known: a clause could not be observed.",
    State.NOT_JUDGED: "Whether the requirement {name} holds is not known: a watch can judge no clause of it.",
}


_OF_A_WATCH = {
    **_WHOLE,
    State.UNDECIDED: "Whether the requirement {name} holds is undecided: the watch has not shown it.",
}


def headline(result: GateResult) -> str:
    """Return the verdict in one sentence; for a watch, with the clauses that it does not judge."""
    if result.watched is None:
        return _WHOLE[result.state].format(name=result.requirement)
    unjudged = [
        clause.kind for each in result.settings for clause in each.clauses if clause.state is State.NOT_JUDGED
    ]
    if not unjudged:
        return _OF_A_WATCH[result.state].format(name=result.requirement)
    left_out = f"A watch does not judge: {', '.join(dict.fromkeys(unjudged))}."
    if result.state is State.HOLDS:
        return f"What a watch can judge of the requirement {result.requirement} holds. {left_out}"
    return f"{_OF_A_WATCH[result.state].format(name=result.requirement)} {left_out}"


def tally(clause: ClauseVerdict) -> str:
    """Return in how many runs of which scenario it held, or that a watch judged it."""
    if not clause.scenario:
        return "by a watch"
    if not clause.runs:
        return f"not run in {clause.scenario}"
    runs = len(clause.runs)
    return f"in {clause.held} of {runs} run{'s' if runs > 1 else ''} of {clause.scenario}"


def sureness(result: GateResult) -> str:
    """Return how certain the verdict is."""
    if result.watched is not None:
        pods = result.watched.became_ready
        return (
            f"Watched for {ago(result.watched.ended - result.watched.began)}, in which"
            f" {counted(len(pods), 'pod')} became Ready. This is one observation: how often the requirement"
            " holds, only runs can show."
        )
    return (
        f"Confidence {result.confidence:g}: a clause that holds in no more than {result.share * 100:g} % of"
        f" the runs would pass in at most {(1 - result.confidence) * 100:.3g} of 100 gates."
    )
