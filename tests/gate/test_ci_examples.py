"""The examples of docs/gate.md for pipelines: by their schemas, and the commands in them by lbstudy itself.

GitHub's and GitLab's schemas come with check-jsonschema (Apache-2.0). Argo Rollouts' are in no package: of
its example the Job is held against Kubernetes' schema, the rest against the fields of its documentation.
"""

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no annotations
import pytest
import yaml
from lbstudy.cli.main import run
from lbstudy.config import load_requirement

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
GITHUB, GITLAB, ARGO = (
    yaml.load(text, yaml.BaseLoader if number == 0 else yaml.SafeLoader)  # of GitHub's, "on" is no boolean
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
)


def schema(name: str) -> dict[str, Any]:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    found: dict[str, Any] = json.loads(vendored.read_text(encoding="utf-8"))
    return found


def check(document: dict[str, Any], name: str) -> None:
    found = schema(name)
    jsonschema.validators.validator_for(found)(found).validate(document)


def test_github_actions() -> None:
    document = {**GITHUB, "jobs": {"gate": {**GITHUB["jobs"]["gate"], "timeout-minutes": 60}}}
    check(document, "github-workflows")

    with pytest.raises(jsonschema.ValidationError):
        check({**document, "jbos": {}}, "github-workflows")


def test_gitlab_ci() -> None:
    check(GITLAB, "gitlab-ci")

    with pytest.raises(jsonschema.ValidationError):
        check({"discovery": {**GITLAB["discovery"], "allow_failure": {"exit_code": 4}}}, "gitlab-ci")


def test_argo_rollouts() -> None:
    """https://argoproj.github.io/argo-rollouts/analysis/job: spec.metrics[].provider.job.spec is a Job's."""
    assert (ARGO["apiVersion"], ARGO["kind"]) == ("argoproj.io/v1alpha1", "AnalysisTemplate")
    assert set(ARGO["spec"]) == {"args", "metrics"}
    (metric,) = ARGO["spec"]["metrics"]
    assert set(metric) == {"name", "count", "failureLimit", "provider"}
    job = metric["provider"]["job"]
    kubernetes_validate.validate(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "gate"}, **job}, "1.34", strict=True
    )
    used = set(re.findall(r"{{args\.(\w+)}}", json.dumps(job)))
    assert used == {one["name"] for one in ARGO["spec"]["args"]}
    account = yaml.safe_load((ROOT / "k8s/components/study/job.yaml").read_text(encoding="utf-8"))
    assert (
        job["spec"]["template"]["spec"]["serviceAccountName"]
        == account["spec"]["template"]["spec"]["serviceAccountName"]
    )


def commands() -> list[list[str]]:
    """The arguments of each ``lbstudy gate`` in the examples, files replaced by built-in names."""
    (step,) = (one["run"] for one in GITHUB["jobs"]["gate"]["steps"] if "run" in one)
    line = next(one for one in GITLAB["discovery"]["script"] if "lbstudy gate" in one)
    container = ARGO["spec"]["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]["containers"][0]
    found = [
        shlex.split(step.partition(">>")[0])[1:],
        shlex.split(line)[1:],
        [*container["command"][1:], *container["args"]],
    ]
    known = {
        "discovery/requirement.toml": "found-soon",
        "/requirement/requirement.toml": "found-soon",
        "discovery/setting.toml": "max-age",
    }
    return [[known.get(word, word) for word in one] for one in found]


@pytest.mark.parametrize("number", [0, 1])
def test_the_commands_are_what_lbstudy_takes(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run([*commands()[number], "--dry-run"]) == 0, capsys.readouterr().err
    assert "Requirement found-soon" in capsys.readouterr().out


def test_the_command_in_argo_gets_as_far_as_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is none here: all options were understood, and the one thing that is missing is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    words = [word.replace("{{args.server}}", "a").replace("{{args.client}}", "b") for word in commands()[2]]

    assert run([*words, "--dry-run"]) == 1
    assert "kubeconfig" in capsys.readouterr().err.lower()


def test_the_example_of_a_requirement_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.toml").write_text(text)

    assert load_requirement(tmp_path / "mine.toml").name == tomllib.loads(text)["name"]
