"""``lbstudy compare --dry-run``: a comparison's plan as text and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from lbstudy.compare import plan as planning
from lbstudy.compare.plan import Plan
from lbstudy.config import Scenario, Setting
from lbstudy.config.subject import Subject
from lbstudy.run.fit import LeftOut, not_applied
from lbstudy.run.venue import Venue


def lacking(
    settings: Sequence[Setting],
    subject: Subject,
    subjects: Mapping[str, Subject],
    scenarios: Sequence[Scenario],
) -> Mapping[str, Sequence[LeftOut]]:
    """Return, by setting, what the programs cannot use of it in any of the scenarios.

    Args:
        settings: the settings to compare.
        subject: the programs, unless ``subjects`` names others for a setting.
        subjects: a setting's name → its programs.
        scenarios: the scenarios to run.
    """
    return {
        setting.name: list(
            dict.fromkeys(
                option
                for scenario in scenarios
                for option in not_applied(scenario, setting, subjects.get(setting.name, subject))
            )
        )
        for setting in settings
    }


def comparison_as_text(
    plan: Plan,
    venue: Venue,
    scenarios: Sequence[Scenario],
    path: Path,
    subjects: Sequence[Subject],
    left_out: Mapping[str, Sequence[LeftOut]],
    copied: Sequence[str] = (),
) -> str:
    """Describe for people what the comparison would run."""
    minutes = planning.seconds(plan, scenarios, venue.overhead) / 60
    lines = [
        f"Settings: {', '.join(plan.settings)}; at most {plan.side_by_side} side by side",
        *(
            [f"Subjects: {', '.join(subject.name for subject in subjects)}"]
            if not venue.runs_what_was_applied or any(subject.kubernetes for subject in subjects)
            else []
        ),
        *(
            f"  setting {name}: {option.who} will not apply {option.option}: {option.why}"
            for name, each in left_out.items()
            for option in each
        ),
        *(f"Scenario {scenario.name}: {scenario.description}" for scenario in scenarios),
        *([venue.announced] if venue.announced else []),
        f"{len(plan.runs)} runs, about {minutes:.0f} minutes, results in {path}:",
    ]
    lines.extend(
        f"  {run.folder}: seed {run.seed}, {run.shift:g} s later: {', '.join(run.settings)}"
        for run in plan.runs
    )
    if copied:
        lines.append("What each run makes, and in what it differs from what was named:")
        lines.extend(f"  {line}" for line in copied)
    return "\n".join(lines)


def comparison_as_json(
    plan: Plan, left_out: Mapping[str, Sequence[LeftOut]], copied: Sequence[str] = ()
) -> str:
    """Describe as JSON what the comparison would run."""
    unapplied = {name: [asdict(option) for option in each] for name, each in left_out.items()}
    return json.dumps(
        plan.model_dump(mode="json") | {"not_applied": unapplied, "copies": list(copied)},
        indent=2,
        ensure_ascii=False,
    )
