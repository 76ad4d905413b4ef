"""A gate's verdict as plain text."""

from lbstudy.gate.model import ClauseVerdict, GateResult, State
from lbstudy.report.gate_words import headline, tally

_SIGN = {
    State.HOLDS: "✓",
    State.FAILS: "✗",
    State.UNDECIDED: "?",
    State.NOT_OBSERVED: "–",
    State.NOT_JUDGED: "–",
}


def gate_as_text(result: GateResult) -> str:
    """Return the verdict, then each setting with its clauses."""
    lines = [headline(result)]
    for setting in result.settings:
        lines += ["", f"{setting.setting}: {setting.state.value}"]
        for clause in setting.clauses:
            lines += _clause(clause)
    return "\n".join(lines)


def _clause(clause: ClauseVerdict) -> list[str]:
    lines = [f"  {_SIGN[clause.state]} {clause.text}: {clause.state.value} ({tally(clause)})"]
    if clause.runs:
        lines.append(f"      {'last run: ' if clause.scenario else ''}{clause.runs[-1].found}")
    if clause.reason:
        lines.append(f"      {clause.reason}")
    return lines
