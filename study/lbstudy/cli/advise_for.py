"""``lbstudy advise --for``: the cheapest setting that meets a requirement by the model, as a file to copy."""

import json
from collections.abc import Sequence
from textwrap import wrap
from typing import Final

import typer

from lbstudy.cli.exit_code import ExitCode
from lbstudy.config import available_settings, load_requirement, load_setting
from lbstudy.config.clause_scenario import judged_scenarios
from lbstudy.config.requirement import Requirement
from lbstudy.config.setting_file import setting_as_toml
from lbstudy.model.judge import ByModel
from lbstudy.model.propose import Proposal, SearchAnswer, Weighed, propose, weigh

_SIGN: Final = {ByModel.HOLDS: "✓", ByModel.FAILS: "✗", ByModel.NOT_JUDGED: "?"}
CHEAP: Final = "cheap is what makes the fewest new connections and DNS queries, of each client in a minute"


def advise_for(name: str, settings: Sequence[str], *, seed: int, as_json: bool) -> int:
    """Propose a setting for a requirement, or report what the model says of the settings that are named.

    The setting's file goes to standard output, so that it can be redirected; everything else goes to standard
    error.

    Raises:
        ConfigError: a file cannot be used.
    """
    requirement = load_requirement(name)
    scenarios = judged_scenarios(requirement)
    if settings:
        weighed = [
            weigh(load_setting(setting), requirement, scenarios, seed=seed)
            for setting in dict.fromkeys(settings)
        ]
        if as_json:
            typer.echo(
                json.dumps(
                    [_entry(requirement, setting) for setting in weighed], indent=2, ensure_ascii=False
                )
            )
        else:
            typer.echo("\n".join(line for setting in weighed for line in _weighed(requirement, setting)))
        return ExitCode.UNMET if any(setting.is_refuted for setting in weighed) else ExitCode.OK
    built_in = [load_setting(setting.name) for setting in available_settings()]
    proposal = propose(requirement, scenarios, built_in, seed=seed)
    if as_json:
        typer.echo(json.dumps(_as_json(requirement, proposal), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_as_text(name, requirement, proposal)), err=True)
        if proposal.best is not None:
            typer.echo(_file(requirement, proposal.best), nl=False)
    return ExitCode.UNMET if proposal.best is None else ExitCode.OK


def headline(proposal: Proposal) -> str:
    """Return the answer in one sentence."""
    best = proposal.best
    if best is None:
        if proposal.answer is SearchAnswer.NOT_JUDGED:
            return (
                "The model judges none of these clauses, so nothing is proposed. Runs can decide:"
                " lbstudy gate."
            )
        return "By the model no setting meets it, neither with DNS alone nor with push."
    if proposal.answer is SearchAnswer.PUSH:
        return (
            "By the model no setting with DNS alone meets it. That leaves push: a control plane, one"
            " more service to"
            " run (docs/push.md)."
        )
    unknown = sum(judged.verdict is ByModel.NOT_JUDGED for judged in best.judged)
    holds = (
        f"holds the rest: {unknown} of {len(best.judged)} clauses are not judged by the model"
        if unknown
        else "holds it"
    )
    return f"By the model this is the cheapest setting that {holds} ({CHEAP}): {best.setting.description}."


def _as_text(name: str, requirement: Requirement, proposal: Proposal) -> list[str]:
    lines = [f"Requirement {requirement.name}: {requirement.description}", headline(proposal)]
    if proposal.best is not None:
        lines += ["", *_weighed(requirement, proposal.best)]
    if proposal.cheaper:
        lines += [
            "",
            f"{proposal.tried} settings were tried, the cheapest first. The last ones that were rejected:",
        ]
        lines += [
            line
            for rejected in proposal.cheaper
            for line in _weighed(requirement, rejected, only_failing=True)
        ]
    lines += ["", "The settings that come with lbstudy:"]
    for setting in proposal.built_in:
        lines += _weighed(requirement, setting, only_failing=True, name=setting.setting.name)
    if proposal.best is not None:
        lines += [
            "",
            "The file is on standard output. Runs show what is not in the model (docs/model.md):",
            f"  lbstudy gate {name} --setting FILE",
        ]
    return lines


def _weighed(
    requirement: Requirement, weighed: Weighed, *, only_failing: bool = False, name: str = ""
) -> list[str]:
    shown = name or weighed.setting.description or weighed.setting.name
    lines = [f"{shown}: {weighed.verdict.value} ({_cost(weighed)})"]
    for clause, judged in zip(requirement.clause, weighed.judged, strict=True):
        if only_failing and judged.verdict is not ByModel.FAILS:
            continue
        lines.append(f"  {_SIGN[judged.verdict]} {clause.in_words()}: {judged.verdict.value}: {judged.why}")
    return lines


def _cost(weighed: Weighed) -> str:
    price = f"{weighed.cost.connections:.3g} connections and {weighed.cost.queries:.3g} DNS queries a minute"
    return f"{price}, and a control plane" if weighed.setting.discovery == "xds" else price


def _file(requirement: Requirement, best: Weighed) -> str:
    """Return the text of the setting's file; comments at its top say what the model predicts."""
    said = [
        f"Proposed by lbstudy advise --for {requirement.name}: {_cost(best)}, of each client.",
        *(
            f"{clause.in_words()}: {judged.verdict.value} ({judged.why})"
            for clause, judged in zip(requirement.clause, best.judged, strict=True)
        ),
    ]
    return setting_as_toml(best.setting, [line for text in said for line in wrap(text, 116)])


def _as_json(requirement: Requirement, proposal: Proposal) -> dict[str, object]:
    best = proposal.best
    return {
        "requirement": requirement.name,
        "answer": proposal.answer.name.lower().replace("_", " "),
        "headline": headline(proposal),
        "tried": proposal.tried,
        "best": None if best is None else _entry(requirement, best),
        "toml": None if best is None else _file(requirement, best),
        "passed_over": [_entry(requirement, setting) for setting in proposal.cheaper],
        "built_in": [_entry(requirement, setting) for setting in proposal.built_in],
    }


def _entry(requirement: Requirement, weighed: Weighed) -> dict[str, object]:
    return {
        "setting": weighed.setting.name,
        "description": weighed.setting.description,
        "verdict": weighed.verdict.value,
        "connections_per_minute": weighed.cost.connections,
        "queries_per_minute": weighed.cost.queries,
        "needs_a_control_plane": weighed.setting.discovery == "xds",
        "clauses": [
            {
                "kind": clause.kind,
                "text": clause.in_words(),
                "verdict": judged.verdict.value,
                "why": judged.why,
            }
            for clause, judged in zip(requirement.clause, weighed.judged, strict=True)
        ],
    }
