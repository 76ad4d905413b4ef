"""The trial before a run: what gRPC itself says of a setting's service config."""

import json
import os
from pathlib import Path

import pytest
from lbstudy.cli.failure import UsageError
from lbstudy.cli.trials import heed_grpc
from lbstudy.config import Setting, load_setting, load_subject
from lbstudy.config.builtin import available_settings
from lbstudy.config.subject import Subject
from lbstudy.run.fit import unavailable
from lbstudy.run.trial import MARK, Trial, read_trials, try_settings

RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def retrying(name: str, **changed: object) -> Setting:
    config = {"methodConfig": [{"name": [{}], "retryPolicy": RETRIES | changed}]}
    return Setting.model_validate({"name": name, "service_config": config})


def test_grpc_is_asked_of_each_setting_that_it_may_refuse() -> None:
    unknown = Setting.model_validate(
        {"name": "unknown", "service_config": {"loadBalancingConfig": [{"least_request": {}}]}}
    )

    found = try_settings([unknown, Setting(name="plain"), retrying("one", maxAttempts=1), retrying("good")])

    assert [trial.setting for trial in found] == ["unknown", "one", "good"]
    assert "No known policies in list: least_request" in (found[0].refused or "")
    assert "retryPolicy.maxAttempts error:must be at least 2" in (found[1].refused or "")
    assert found[2] == Trial("good", None)


def test_what_grpc_changes_is_told_in_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    heed_grpc([retrying("nine", maxAttempts=9)])

    assert capsys.readouterr().err == (
        "lbstudy: note: setting nine: gRPC says: service config: clamped retryPolicy.maxAttempts at 5\n"
    )


def test_a_setting_that_grpc_refuses_is_an_error_before_anything_runs() -> None:
    with pytest.raises(UsageError, match=r"^setting one: gRPC refuses its service config: .*at least 2"):
        heed_grpc([retrying("one", maxAttempts=1)])


def test_grpc_takes_every_built_in_setting_without_a_word() -> None:
    found = try_settings([load_setting(built_in.name) for built_in in available_settings()])

    assert [trial for trial in found if trial.refused is not None or trial.warnings] == []


def test_lines_that_grpc_did_not_log_are_passed_over() -> None:
    log = Path(__file__).name + f"\n{MARK} a\nI0000 not a warning\nTraceback\n{MARK} b\n"

    assert read_trials({"a": None, "b": "said"}, log) == [Trial("a", None), Trial("b", "said")]


LANGUAGES = ("go", "java", "node")


def checked(tmp_path: Path, check: str, body: str) -> Subject:
    """A subject whose client is a small program of nobody's language."""
    (tmp_path / "client.sh").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "client.sh").chmod(0o755)
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\n[server]\ncommand = ["./client.sh"]\n[client]\n'
        'command = ["./client.sh", "--config", "{service_config}", "--rate={rate}"]\n'
        f"{check}\n"
    )
    return load_subject(tmp_path / "mine.toml")


CHECK = 'check = ["--check"]'


def test_a_program_says_before_the_run_what_its_grpc_refuses(tmp_path: Path) -> None:
    body = (
        f'printf "%s\\n" "$@" "sdk disabled: $OTEL_SDK_DISABLED" > {tmp_path}/told\n'
        'case "$2" in *maxAttempts*) echo noise >&2; echo "client: error: I want no retries" >&2; exit 2;;'
        " esac"
    )
    subject = checked(tmp_path, CHECK, body)
    with pytest.raises(UsageError, match=r"^setting one: gRPC of mine refuses its service config: I want no"):
        heed_grpc([retrying("one")], [subject])
    told = (tmp_path / "told").read_text().splitlines()
    assert json.loads(told[1])["methodConfig"] == [{"name": [{}], "retryPolicy": RETRIES}]
    assert told[2:] == ["--rate=1.0", "--check", "sdk disabled: true"]
    # Taken by its own gRPC, and so it is, whatever the C core would say of it.
    unknown = Setting.model_validate(
        {"name": "unknown", "service_config": {"loadBalancingConfig": [{"least_request": {}}]}}
    )
    heed_grpc([unknown], [subject])
    with pytest.raises(UsageError, match=r"gRPC refuses its service config: .*least_request"):
        heed_grpc([unknown], [subject, load_subject()])


@pytest.mark.parametrize(
    ("check", "body", "note"),
    [
        ("", "exit 2", "is not tried before the run with subject mine: its [client] has no check"),
        (CHECK, "exit 7", "gRPC of mine says: the check of mine ended with status 7"),
        (CHECK, "echo boom >&2; exit 1", "the check of mine ended with status 1: boom"),
    ],
)
def test_a_check_that_is_none_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], check: str, body: str, note: str
) -> None:
    heed_grpc([retrying("one")], [checked(tmp_path, check, body)])
    (line,) = capsys.readouterr().err.splitlines()
    assert note in line


def test_a_program_is_not_started_for_settings_that_write_no_service_config(tmp_path: Path) -> None:
    heed_grpc([Setting(name="plain")], [checked(tmp_path, CHECK, "exit 2")])


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_language_refuses_in_its_own_words(name: str) -> None:
    subject = load_subject(name)
    if missing := unavailable(subject):
        give_up = pytest.fail if os.environ.get("LBSTUDY_SUBJECTS") == "required" else pytest.skip
        give_up(missing)
    with pytest.raises(UsageError) as told:
        heed_grpc([retrying("one", maxAttempts=1)], [subject])
    assert str(told.value).startswith(f"setting one: gRPC of {name} refuses its service config: ")
    assert "maxattempts" in str(told.value).lower()
    heed_grpc([retrying("good")], [subject])
    for one in available_settings():
        heed_grpc([load_setting(one.name)], [subject])
