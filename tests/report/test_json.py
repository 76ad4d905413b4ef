"""``result.json``: what is written is read back, schemas are committed, bad files get one line."""

import json
import resource
from pathlib import Path

import jsonschema
import pytest
from lbstudy.report.json import ResultFileError, read_json, write_json
from lbstudy.report.schemas import MODELS, json_schema, schema_text

from tests.report import sample

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("variant", sample.VARIANTS)
def test_round_trip(variant: str, tmp_path: Path) -> None:
    result = sample.VARIANTS[variant]()
    path = tmp_path / "result.json"
    write_json(result, path)
    assert read_json(path) == result
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_file_follows_the_schema(tmp_path: Path) -> None:
    write_json(sample.result(), tmp_path / "result.json")
    validator = jsonschema.Draft202012Validator(json_schema("result"))
    jsonschema.Draft202012Validator.check_schema(json_schema("result"))
    raw = json.loads((tmp_path / "result.json").read_text())
    validator.validate(raw)
    raw["settings"][0]["latency"]["all"]["p50"] = "fast"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(raw)


def test_the_answers_in_docs_follow_the_schema() -> None:
    kept = json.loads((DOCS / "answers" / "comparison.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json_schema("comparison")).validate(kept)


@pytest.mark.parametrize("name", MODELS)
def test_committed_schema_is_up_to_date(name: str) -> None:
    file = DOCS / f"{name}.schema.json"
    expected = f"python -m lbstudy.report.schemas {name} > docs/{file.name}"
    assert file.read_text(encoding="utf-8") == schema_text(name), f"out of date; run: {expected}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "schema_version is None, expected '1'"),
        (b'{"schema_version": "2"}', "schema_version is '2', expected '1'"),
        (b'{"schema_version": "1"}', "provenance: Field required"),
    ],
)
def test_bad_file_gets_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(ResultFileError) as error:
        read_json(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ResultFileError, match="cannot be read: No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(ResultFileError, match="cannot be written: No such file"):
        write_json(sample.no_rpcs(), tmp_path / "none" / "result.json")


def test_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(sample.no_rpcs(), path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ResultFileError, match="cannot be written: File too large"):
            write_json(sample.result(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert read_json(path) == sample.no_rpcs()
