"""Turns pydantic's errors into one line for the user: the key, what was expected, and what the file has."""

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lbstudy.config.error import clipped, nearest

Location = Sequence[int | str]


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe the first error, and how many more there are."""
    # Without the URL; the input is only shown by ``_value``.
    errors = error.errors(include_url=False, include_context=True, include_input=True)
    # a mistyped key explains a missing one, so it comes first
    errors.sort(key=lambda e: e["type"] != "extra_forbidden")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _line(dict(errors[0]), model) + more


def _line(error: dict[str, Any], model: type[BaseModel]) -> str:
    location: Location = error["loc"]
    key = _key(location)
    if error["type"].startswith("union_tag_"):
        return _tag_line(error, key, _tags(model, location))
    if error["type"] == "value_error":  # raised by one of our models, and written for the user
        return f"{key}: {error['ctx']['error']}" if key else str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{key}: unknown key{nearest(str(location[-1]), known)} (known: {', '.join(known)})"
    expected = _expected(model, location)
    if error["type"] == "missing":
        return f"{key}: missing, expected {expected}"
    return f"{key}: expected {expected}, found {_found(error.get('input'))}"


def _tag_line(error: dict[str, Any], key: str, known: Sequence[str]) -> str:
    """Describe a key that selects one of several tables and is missing or unknown."""
    expected = f"{key}, {error['ctx']['discriminator'].strip(chr(39))}: expected one of {', '.join(known)}"
    if error["type"] == "union_tag_not_found":
        return expected.replace(": ", ": missing, ", 1)
    tag = str(error["ctx"]["tag"])
    return f'{expected}, found "{clipped(tag)}"{nearest(tag, known)}'


def _key(location: Location) -> str:
    """Write ``("step", 1, "servers")`` as people count: ``step 2, servers``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f" {part + 1}"
        else:
            text += f"{', ' if text else ''}{clipped(part)}"
    return text


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    tables = [model]
    for part in location:
        if isinstance(part, str):
            tables = _within(tables, part)
    return list(tables[0].model_fields) if tables else []


def _within(tables: Sequence[type[BaseModel]], part: str) -> list[type[BaseModel]]:
    """Return the tables that a part of a location leads to: a key's tables, or a union's with that tag."""
    if len(tables) > 1:
        return [table for table in tables if part in _tags_of(table)]
    field = tables[0].model_fields.get(part) if tables else None
    return _tables(field) if field else []


def _tags(model: type[BaseModel], location: Location) -> list[str]:
    """Return the tags of the union at a location."""
    tables = [model]
    for part in location:
        if isinstance(part, str):
            tables = _within(tables, part)
    return [tag for table in tables for tag in _tags_of(table)]


def _tags_of(table: type[BaseModel]) -> list[str]:
    return [
        str(tag)
        for field in table.model_fields.values()
        if field.is_required() and get_origin(field.annotation) is Literal
        for tag in get_args(field.annotation)
    ]


def _expected(model: type[BaseModel], location: Location) -> str:
    """Return the description of the innermost field that the location names."""
    tables = [model]
    text = "a table"
    for part in location:
        if not isinstance(part, str) or not tables:
            continue
        if len(tables) == 1:
            field = tables[0].model_fields.get(part)
            if field is None:
                break
            text = (field.description or text).split(": ")[0]
        tables = _within(tables, part)
    return text


def _tables(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the tables that a field holds, within lists, options and unions."""
    tables, pending = [], [field.annotation]
    while pending:
        annotation: Any = pending.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            tables.append(annotation)
        pending.extend(get_args(annotation))
    return tables


def _found(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return f'"{clipped(value)}"'
    return clipped(str(value))
