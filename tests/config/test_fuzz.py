"""Whatever a file holds: a scenario or a setting comes of it, or one line that says what is wrong."""

import random
import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lbstudy.config import (
    ConfigError,
    Requirement,
    Scenario,
    Setting,
    Subject,
    available_requirements,
    available_scenarios,
    available_settings,
    available_subjects,
)
from lbstudy.config.base import Document, Origin
from lbstudy.config.document import decode
from lbstudy.config.load import parse_document
from pydantic import BaseModel

MODELS: list[type[Document]] = [Requirement, Scenario, Setting, Subject]
VALID = [
    one.path.read_bytes()
    for one in [
        *available_scenarios(),
        *available_settings(),
        *available_subjects(),
        *available_requirements(),
    ]
]
FUZZ = settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def survives(data: bytes) -> None:
    """Read bytes as every kind of file."""
    for model in MODELS:
        try:
            document = parse_document(model, Origin(Path("x.toml"), decode(data, "x.toml")), "x.toml")
        except ConfigError as error:
            message = str(error)
            assert message.startswith("x.toml: ")
            assert message.isprintable(), "more than one line, or worse"
            assert len(message) < 1000
        else:
            assert isinstance(document, model)
            document.model_dump_json()
            if isinstance(document, Subject):
                assert document.client_program.command
            if isinstance(document, Requirement):
                assert all(clause.in_words() for clause in document.clause)
            if isinstance(document, Setting):
                assert document.service_config_json.startswith("{")


# A small writer: what it writes, tomllib reads back (see below), so the documents reach the models.
def written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return value.isoformat() if isinstance(value, (date, datetime, time)) else repr(value)


def document_text(values: dict[str, object]) -> str:
    return "".join(f"{written(key)} = {written(value)}\n" for key, value in values.items())


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def keys_of(table: type[BaseModel]) -> set[str]:
    """Collect the keys of a table and of those in it."""
    keys = set(table.model_fields)
    for field in table.model_fields.values():
        for inner in [field.annotation, *get_args(field.annotation)]:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                keys |= keys_of(inner)
    return keys


known_key = st.sampled_from(
    sorted(
        keys_of(Scenario)
        | keys_of(Setting)
        | keys_of(Subject)
        | {"loadBalancingConfig", "grpc", "grpc.max_connection_age_ms"}
    )
)
known_text = st.sampled_from(["mine", "stock", "round_robin", "discovery.median", "A B", ""])
scalar = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 100),
    st.floats(),
    text,
    known_text,
    st.dates(),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.times(),
)
key = st.one_of(known_key, text)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(key, inner, max_size=4)),
    max_leaves=12,
)


@FUZZ
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    survives(data)


@FUZZ
@given(st.dictionaries(key, value, max_size=6))
def test_arbitrary_documents(values: dict[str, object]) -> None:
    source = document_text(values)
    tomllib.loads(source)  # it is TOML, so the models are what is tried here
    survives(source.encode())


@FUZZ
@given(value, value, value)
def test_documents_with_the_right_keys(one: object, two: object, three: object) -> None:
    head: dict[str, object] = {"name": "mine", "duration": 10}
    steps: dict[str, object] = {"step": [{"at": 0, "servers": 1}]}
    survives(document_text(head | {"step": one}).encode())
    survives(document_text(head | steps | {"load": one, "dns": two, "server": three}).encode())
    survives(document_text(head | steps | {"load": {"rate": one}, "expect": [{"at_most": two}]}).encode())
    survives(
        document_text(head | {"step": [{"at": 0, "servers": one}, {"at": two, "servers": three}]}).encode()
    )
    survives(document_text({"name": one, "policy": two, "drain": three}).encode())
    survives(document_text({"name": "mine", "server": one, "client": two, "call": three}).encode())
    program: dict[str, object] = {"command": ["./a", one, "{address}"], "environment": two}
    survives(document_text({"name": "mine", "server": program, "call": {"method": "a.B/C"}}).encode())
    call: dict[str, object] = {"method": "a.B/C", "request": one, "metadata": two, "protos": three}
    survives(document_text({"name": "mine", "server": {"command": ["./a"]}, "call": call}).encode())
    survives(document_text({"name": "mine", "channel": one, "server": two, "service_config": three}).encode())


@FUZZ
@given(st.sampled_from(VALID), st.randoms(use_true_random=False))
def test_valid_files_with_bytes_changed(valid: bytes, random_: random.Random) -> None:
    data = bytearray(valid)
    for _ in range(random_.randint(1, 8)):
        start = random_.randrange(len(data))
        end = min(len(data), start + random_.randint(0, 30))
        match random_.randrange(4):
            case 0:
                del data[start:end]
            case 1:
                data[start:end] = random_.randbytes(end - start)
            case 2:
                data[start:start] = data[random_.randrange(len(data)) :][:30]
            case _:
                data[start:start] = random_.choice(
                    [b'"', b"[", b"]", b"=", b".", b"\n", b"9" * 20, b"-", b"{"]
                )
        if not data:
            return
    survives(bytes(data))


@pytest.mark.parametrize("valid", VALID)
def test_valid_files_with_one_value_replaced(valid: bytes) -> None:
    replacements = [
        '""',
        '"x"',
        "0",
        "-1",
        "1e400",
        "nan",
        "true",
        "[]",
        "{}",
        "[[1]]",
        "1979-05-27",
        "07:32:00",
    ]
    lines = valid.decode().splitlines()
    for number, line in enumerate(lines):
        before, equals, _ = line.partition(" = ")
        if not equals or line.startswith("#"):
            continue
        for replacement in replacements:
            changed = [*lines[:number], f"{before} = {replacement}", *lines[number + 1 :]]
            survives("\n".join(changed).encode())


def test_the_writer_reaches_the_models() -> None:
    values: dict[str, object] = {"name": "mine", "duration": 10.0, "step": [{"at": 0, "servers": 2}]}

    assert tomllib.loads(document_text(values)) == values
    assert isinstance(parse_document(Scenario, Origin(Path("x"), document_text(values)), "x"), Scenario)
