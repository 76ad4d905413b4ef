"""What a gate prints before and after its runs."""

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import replacing
from lbstudy.cli.gate_runs import MOST_LEFT_OUT, RESULT, GateRuns, distinct_scenarios
from lbstudy.config import Requirement
from lbstudy.config.phases import PHASES
from lbstudy.gate.model import GateResult, State
from lbstudy.gate.plan import GatePlan
from lbstudy.gate.sequential import Rule


@dataclass(frozen=True, slots=True)
class Output:
    """How the verdict is told."""

    junit: Path | None  # where JUnit XML goes to
    as_json: bool
    as_markdown: bool


def refuse_no_file(junit: Path | None) -> None:
    """Raise UsageError when it cannot be written there: to be said before the runs, not after them."""
    if junit is not None and (junit.is_dir() or not junit.absolute().parent.is_dir()):
        raise UsageError(f"--junit {junit}: expected a file, in a folder that is there")


def say_if_it_cannot_hold(requirement: Requirement) -> None:
    """Say before the runs that no outcome of them could pass the gate."""
    proof = requirement.proof
    fewest = Rule.of(proof, len(requirement.clause)).fewest
    if fewest > proof.most_runs:
        say(
            f"note: {requirement.path or requirement.name}: proof: no setting can pass: it takes {fewest}"
            f" runs at least to decide that a clause holds (confidence = {proof.confidence:g}, share ="
            f" {proof.share:g}), and most_runs = {proof.most_runs}"
        )


def conclude(runs: GateRuns, result: GateResult, output: Output) -> int:
    """Print the verdict; returns the exit code. Raises OSError."""
    show(result, output)
    say(f"result: {runs.path / RESULT}")
    return exit_code(result)


def show(result: GateResult, output: Output) -> None:
    """Write the JUnit file if there is one to write, and print the verdict. Raises OSError."""
    from lbstudy.report.gate_junit import render_junit  # noqa: PLC0415 - only once there is something to show
    from lbstudy.report.gate_markdown import render_gate  # noqa: PLC0415 - the same
    from lbstudy.report.gate_terminal import gate_as_text  # noqa: PLC0415 - the same

    if output.junit is not None:
        with replacing(output.junit) as partial:
            partial.write_bytes(render_junit(result))
    if output.as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif output.as_markdown:
        typer.echo(render_gate(result), nl=False)
    else:
        typer.echo(gate_as_text(result))


def exit_code(result: GateResult) -> ExitCode:
    """Return the verdict's exit code, and print the reason if the gate is undecided."""
    for reason in result.not_counted:
        say(f"not counted: {reason}")
    if result.state is State.HOLDS:
        return ExitCode.OK
    if result.state is State.FAILS:
        return ExitCode.UNMET
    if len(result.not_counted) >= MOST_LEFT_OUT:
        say(f"given up: {len(result.not_counted)} runs decide nothing")
        return ExitCode.ERROR
    return ExitCode.UNDECIDED


def plan_as_text(runs: GateRuns, plan: GatePlan) -> str:
    """Describe for people what the gate would run."""
    planned = _planned(runs, plan)
    distinct = distinct_scenarios(runs.scenarios)
    names = ", ".join(setting.name for setting in runs.settings)
    lines = [
        f"Requirement {runs.requirement.name}: {runs.requirement.description}",
        *(
            f"  clause {number}: {clause.in_words()} (in {clause.judged_in})"
            for number, clause in enumerate(runs.requirement.clause, start=1)
        ),
        f"Settings: {names}; at most {plan.side_by_side} side by side",
        *([runs.venue.announced] if runs.venue.announced else []),
        f"Results in {runs.path}",
        *(f"Scenario {scenario.name}: {scenario.description}" for scenario in distinct),
        (
            f"At least {planned['fewest']} runs of each scenario if it holds, about {planned['minutes']}"
            f" minutes; at most {planned['most_runs']}. A setting that fails is known sooner."
        ),
    ]
    return "\n".join(lines)


def plan_as_json(runs: GateRuns, plan: GatePlan) -> str:
    """Describe as JSON what the gate would run."""
    return json.dumps(_planned(runs, plan), indent=2, ensure_ascii=False)


def _planned(runs: GateRuns, plan: GatePlan) -> dict[str, object]:
    proof = runs.requirement.proof
    fewest = min(Rule.of(proof, len(runs.requirement.clause)).fewest, proof.most_runs)
    overhead = runs.venue.overhead
    groups = -(-len(runs.settings) // plan.side_by_side)
    scenarios = distinct_scenarios(runs.scenarios)
    seconds = sum(scenario.duration + PHASES / 2 + overhead for scenario in scenarios) * fewest * groups
    return {
        "requirement": runs.requirement.name,
        "settings": plan.settings,
        "scenarios": plan.scenarios,
        "venue": runs.venue.chosen,
        "side_by_side": plan.side_by_side,
        "fewest": fewest,
        "most_runs": proof.most_runs,
        "minutes": round(seconds / 60),
        "folder": str(runs.path),
    }
