"""A gate's verdict as Markdown, for a pull request: the verdict, a table of clauses, why one failed."""

from lbstudy.gate.model import GateResult, SettingVerdict, State
from lbstudy.report.compare_markdown import escaped
from lbstudy.report.gate_words import headline, sureness, tally

_SIGN = {
    State.HOLDS: "✅",
    State.FAILS: "❌",
    State.UNDECIDED: "❔",
    State.NOT_OBSERVED: "❔",
    State.NOT_JUDGED: "➖",
}


def render_gate(result: GateResult) -> str:
    """Return the verdict; for each setting a table of its clauses, and the reasons below it."""
    parts = [f"**{_SIGN[result.state]} {escaped(headline(result))}**", escaped(result.description)]
    for setting in result.settings:
        parts += _setting(setting, is_watched=result.watched is not None)
    if result.not_counted:
        parts.append("Not counted:\n\n" + "\n".join(f"- {escaped(reason)}" for reason in result.not_counted))
    parts.append(escaped(sureness(result)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _setting(setting: SettingVerdict, *, is_watched: bool) -> list[str]:
    what, heading = ("judged", "found") if is_watched else ("runs", "last run")
    rows = [["", "what must hold", "verdict", what, heading], ["---"] * 5]
    for clause in setting.clauses:
        last = clause.runs[-1].found if clause.runs else ""
        rows.append(
            [
                _SIGN[clause.state],
                escaped(clause.text),
                escaped(clause.state.value),
                escaped(tally(clause)),
                escaped(last),
            ]
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    reasons = [
        f"- {escaped(clause.text)}: {escaped(clause.reason)}" for clause in setting.clauses if clause.reason
    ]
    return [
        f"{'Service' if is_watched else 'Setting'} `{setting.setting}`: **{escaped(setting.state.value)}**",
        table,
        "Why:\n\n" + "\n".join(reasons) if reasons else "",
    ]
