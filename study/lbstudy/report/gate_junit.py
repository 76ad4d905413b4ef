"""A gate's verdict as JUnit XML: a suite for each setting, a test for each clause.

It uses the dialect that GitLab, Jenkins and GitHub's actions read: ``testsuites`` > ``testsuite`` >
``testcase``. A clause that does not hold is a failure. One that is undecided or was not observed is an error,
because no test took place that could fail. One that a watch does not judge is skipped.
"""

import re
from xml.etree import ElementTree as ET

from lbstudy.gate.model import ClauseVerdict, GateResult, SettingVerdict, State
from lbstudy.report.gate_words import tally

_FORBIDDEN = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS = (State.UNDECIDED, State.NOT_OBSERVED)


def render_junit(result: GateResult) -> bytes:
    """Return the file's bytes, UTF-8."""
    root = ET.Element("testsuites", name=_clean(f"lbstudy gate {result.requirement}"))
    for setting in result.settings:
        root.append(_suite(result, setting))
    for name in ("tests", "failures", "errors"):  # Jenkins' schema knows no "skipped" here
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    whole: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _suite(result: GateResult, setting: SettingVerdict) -> ET.Element:
    clauses = setting.clauses
    suite = ET.Element(
        "testsuite",
        name=_clean(f"{result.requirement} {'under' if result.watched is None else 'in'} {setting.setting}"),
        tests=str(len(clauses)),
        failures=str(sum(verdict.state is State.FAILS for verdict in clauses)),
        errors=str(sum(verdict.state in _ERRORS for verdict in clauses)),
        skipped=str(sum(verdict.state is State.NOT_JUDGED for verdict in clauses)),
        timestamp=result.started.removesuffix("+00:00"),
    )
    for clause in clauses:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(f"{result.requirement}.{setting.setting}"),
            name=_clean(clause.text),
        )
        if clause.state is State.FAILS:
            _trouble(case, "failure", clause)
        elif clause.state in _ERRORS:
            _trouble(case, "error", clause)
        elif clause.state is State.NOT_JUDGED:
            ET.SubElement(case, "skipped", message=_clean(clause.runs[-1].found))
        ET.SubElement(case, "system-out").text = _clean(
            "\n".join(f"{run.folder}: {run.found}" if run.folder else run.found for run in clause.runs)
        )
    return suite


def _trouble(case: ET.Element, what: str, clause: ClauseVerdict) -> None:
    message = f"{clause.state.value} ({tally(clause)})"
    trouble = ET.SubElement(case, what, type=clause.state.value, message=_clean(message))
    trouble.text = _clean(clause.reason or (clause.runs[-1].found if clause.runs else "no run was made"))


def _clean(text: str) -> str:
    """Remove the characters that XML 1.0 forbids."""
    return _FORBIDDEN.sub("?", text)
