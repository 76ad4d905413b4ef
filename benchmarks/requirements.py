"""Does what `lbstudy advise --for` proposes hold? Random requirements, against measured runs on this machine.

``python -m benchmarks.requirements FOLDER --propose`` draws the requirements and asks the model;
``… FOLDER --measure --until 02:45`` runs what was proposed, and cheaper built-in settings, round by round;
``… FOLDER`` alone judges each requirement by the runs that are there, and prints the figures. Each step goes
on where the one before it, or an interrupted one, has ended.

All settings go through the same two short scenarios, several side by side: one run serves all requirements.
"""

import argparse
import json
import random
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from lbstudy.cli.files import RunFolder
from lbstudy.cli.perform import perform
from lbstudy.compare import plan as planning
from lbstudy.config import Requirement, Scenario, Setting, load_scenario, load_setting
from lbstudy.config.clause_scenario import judged_scenarios
from lbstudy.config.load import load_requirement
from lbstudy.config.requirement import HOLDS_IN
from lbstudy.config.setting_file import setting_as_toml
from lbstudy.gate.evaluate import evaluate
from lbstudy.gate.plan import phase
from lbstudy.live.quiet import Quiet
from lbstudy.model.propose import SearchAnswer, propose
from lbstudy.report.json import read_json
from lbstudy.result.model import SettingResult
from lbstudy.run.plan import RunPlan
from lbstudy.venues.local import Local

from benchmarks.requirements_drawn import BUILT_IN, CHANGES, QUIET, draw

LATE = 0.5
"""s, the 99 % quantile of a setting's clients' lateness, above which its run says nothing of the setting."""


@dataclass(frozen=True)
class Asked:
    """A requirement, and what was proposed for it."""

    requirement: Requirement
    answer: str
    setting: str | None  # the proposal's name; None: nothing was proposed
    cost: float
    cheaper: tuple[str, ...]  # built-in settings that cost less


def prepare(folder: Path, count: int, seed: int) -> None:
    """Draw the requirements and ask the model; what is there already stays."""
    for name in ("requirements", "settings"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in (("changes", CHANGES), ("quiet", QUIET)):
        (folder / "requirements" / f"{name}.toml").write_text(text)
    rng = random.Random(seed)
    built_in = [load_setting(name) for name in BUILT_IN]
    for number in range(1, count + 1):
        text = draw(number, rng)
        file, answer = folder / "requirements" / f"r-{number:02}.toml", folder / f"r-{number:02}.json"
        if answer.exists() and file.read_text() == text:
            continue
        file.write_text(text)
        requirement = load_requirement(file)
        found = propose(requirement, judged_scenarios(requirement), built_in)
        setting: str | None = None
        if found.best is not None:
            plain = setting_as_toml(found.best.setting)
            setting = f"p-{sha256(plain.encode()).hexdigest()[:6]}"
            (folder / "settings" / f"{setting}.toml").write_text(
                setting_as_toml(found.best.setting.model_copy(update={"name": setting}))
            )
        cost = found.best.cost.total if found.best else 0.0
        cheaper = [one.setting.name for one in found.built_in if found.best and one.cost.total < cost - 1e-6]
        answer.write_text(
            json.dumps({"answer": found.answer.name, "setting": setting, "cost": cost, "cheaper": cheaper})
        )
        print(f"r-{number:02}: {found.answer.value}: {found.best.setting.description if found.best else '–'}")


def asked(folder: Path) -> Iterator[Asked]:
    """The requirements that were drawn, with their answers."""
    for answer in sorted(folder.glob("r-*.json")):
        told = json.loads(answer.read_text())
        yield Asked(
            requirement=load_requirement(folder / "requirements" / f"{answer.stem}.toml"),
            answer=told["answer"],
            setting=told["setting"],
            cost=told["cost"],
            cheaper=tuple(told["cheaper"]),
        )


def measure(folder: Path, until: datetime, at_once: int) -> None:
    """Round by round, all settings that any requirement needs in each scenario; a run that is there stays."""
    needed: dict[str, set[str]] = {"changes": set(), "quiet": set()}
    for one in asked(folder):
        for scenario in judged_scenarios(one.requirement):
            needed[scenario.name] |= {name for name in (one.setting, *one.cheaper) if name}
    scenarios = {name: load_scenario(folder / "requirements" / f"{name}.toml") for name in needed}
    for number in range(100):
        for name, scenario in scenarios.items():
            names = sorted(needed[name])
            for part, group in enumerate(planning.groups(names, at_once, number) if names else [], start=1):
                run = RunFolder(folder / "runs" / f"{name}-{number + 1}-{part}")
                if (run.path / "result.json").exists():
                    continue
                ends = now() + timedelta(seconds=scenario.duration + 40)
                if ends > until:
                    return
                once(folder, run, scenario, group, number)


def again(folder: Path, until: datetime, names: Sequence[str]) -> None:
    """More rounds of some settings in the scenario with the changes: each round meets another phase."""
    scenario = load_scenario(folder / "requirements" / "changes.toml")
    for number in range(100):
        run = RunFolder(folder / "runs" / f"changes-{number + 1}-only")
        if (run.path / "result.json").exists():
            continue
        if now() + timedelta(seconds=scenario.duration + 40) > until:
            return
        once(folder, run, scenario, names, number)


def once(folder: Path, run: RunFolder, scenario: Scenario, group: Sequence[str], number: int) -> None:
    """One run; one that fails is told, and left out."""
    settings = [setting_of(folder, name) for name in group]
    plan = RunPlan(
        scenario=planning.shifted(scenario, phase(number) if scenario.name == "changes" else 0.0),
        settings=settings,
        run_dir=run.path,
        run_id=f"{run.path.name}-{secrets.token_hex(3)}",
        seed=number,
        command="benchmarks.requirements",
        venue=Local(),
    )
    print(f"{now():%H:%M:%S} {run.path.name}: {', '.join(group)}", flush=True)
    try:
        perform(plan, run, Quiet())
    except Exception as error:
        print(f"  failed: {error}", flush=True)


def now() -> datetime:
    """As the machine's clock has it."""
    return datetime.now().astimezone()


def setting_of(folder: Path, name: str) -> Setting:
    """A proposal, or a built-in setting."""
    return load_setting(name if name in BUILT_IN else folder / "settings" / f"{name}.toml")


def judge(folder: Path, into: Path | None) -> None:
    """Print whether each proposal, and cheaper built-in settings, held in the runs; then the sums."""
    results: dict[tuple[str, str], list[SettingResult]] = {}
    runs = left_out = late = 0
    for path in sorted(folder.glob("runs/*/result.json")):
        result = read_json(path)
        runs += 1
        if not result.ledger_closes:
            left_out += 1
            continue
        for setting in result.settings:
            if (setting.latency.lateness_p99 or 0.0) > LATE:
                late += 1
                continue
            results.setdefault((path.parent.name.split("-")[0], setting.name), []).append(setting)
    rows = [row(folder, one, results) for one in asked(folder)]
    for told in rows:
        print(json.dumps(told, ensure_ascii=False))
    judged = [told for told in rows if told["held"]]
    cheaper = [held for told in judged for held in told["cheaper"].values() if held]
    print(
        f"answers: {dict(Counter(told['answer'] for told in rows))}; runs: {runs}, ledger open in {left_out};"
        f" left out, since its clients were more than {LATE:g} s late: a setting of a run {late} times"
    )
    print(
        f"of {len(judged)} proposals, {sum(min(told['held']) == 1 for told in judged)} held in every run of"
        f" every clause, {sum(min(told['held']) > 0.5 for told in judged)} in most runs"
    )
    failed = sum(min(held) < HOLDS_IN for held in cheaper)
    print(
        f"of {len(cheaper)} cheaper built-in settings, {failed} held in less than {HOLDS_IN:.0%} of the runs"
    )
    pushed = [told for told in judged if told["answer"] == SearchAnswer.PUSH.name]
    beaten = {told["requirement"]: told["with_dns"] for told in pushed if told["with_dns"]}
    print(f"of {len(pushed)} answers 'push', built-in settings with DNS held in {len(beaten)}: {beaten}")
    if into is not None:
        into.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def row(
    folder: Path, one: Asked, results: dict[tuple[str, str], list[SettingResult]]
) -> dict[str, Any]:  # JSON
    """A requirement, its proposal, and in which share of the runs each clause held."""
    requirement = one.requirement
    cheaper = {name: shares(requirement, name, results) for name in one.cheaper}
    others = {name: shares(requirement, name, results) for name in BUILT_IN}
    return {
        "requirement": requirement.name,
        "clauses": [clause.in_words() for clause in requirement.clause],
        "answer": one.answer,
        "setting": None if one.setting is None else setting_of(folder, one.setting).description,
        "cost": round(one.cost, 1),
        "held": None if one.setting is None else shares(requirement, one.setting, results),
        "runs": min(
            (len(results.get((each.name, one.setting or ""), [])) for each in judged_scenarios(requirement)),
            default=0,
        ),
        "cheaper": cheaper,
        "with_dns": [name for name, held in others.items() if held and min(held) == 1],
    }


def shares(
    requirement: Requirement, setting: str, results: dict[tuple[str, str], list[SettingResult]]
) -> list[float] | None:
    """In which share of the runs each clause held; None where a clause was in no run."""
    found = []
    for clause, scenario in zip(requirement.clause, judged_scenarios(requirement), strict=True):
        seen = (evaluate(clause, run).held for run in results.get((scenario.name, setting), []))
        held = [one for one in seen if one is not None]  # not observed: a server was Ready too late
        if not held:
            return None
        found.append(sum(one is True for one in held) / len(held))
    return found


def main() -> None:
    """Read the arguments, and do what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--propose", action="store_true")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", default="23:59", help="HH:MM, today")
    parser.add_argument("--write", type=Path, help="with neither of these: the figures, as JSON")
    parser.add_argument("--only", metavar="NAMES", help="with --measure: more rounds of these settings")
    parser.add_argument("--side-by-side", type=int, default=5)
    given = parser.parse_args()
    if given.propose:
        prepare(given.folder, given.count, given.seed)
    if given.measure:
        hour, minute = map(int, given.until.split(":"))
        until = now().replace(hour=hour, minute=minute)
        if given.only:
            again(given.folder, until, given.only.split(","))
        else:
            measure(given.folder, until, given.side_by_side)
    if not (given.propose or given.measure):
        judge(given.folder, given.write)


if __name__ == "__main__":
    main()
