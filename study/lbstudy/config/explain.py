"""Turns pydantic's errors into one line for the user: the key, what was expected, what was found."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lbstudy.config.error import clipped, nearest

Location = Sequence[int | str]


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what is wrong: the first error, and how many more there are."""
    # Not the URL, the input only where it is shown by ``_found``.
    errors = error.errors(include_url=False, include_context=True, include_input=True)
    errors.sort(key=lambda e: e["type"] != "extra_forbidden")  # a mistyped key explains a missing one
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _line(dict(errors[0]), model) + more


def _line(error: dict[str, Any], model: type[BaseModel]) -> str:
    location: Location = error["loc"]
    key = _key(location)
    if error["type"] == "value_error":  # one of the models' own, written for the user
        return f"{key}: {error['ctx']['error']}" if key else str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{key}: unknown key{nearest(str(location[-1]), known)} (known: {', '.join(known)})"
    expected = _expected(model, location)
    if error["type"] == "missing":
        return f"{key}: missing, expected {expected}"
    return f"{key}: expected {expected}, found {_found(error.get('input'))}"


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
    inner: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and inner is not None:
            field = inner.model_fields.get(part)
            inner = _table(field) if field else None
    return list(inner.model_fields) if inner else []


def _expected(model: type[BaseModel], location: Location) -> str:
    """Find the description of the innermost field that the location names."""
    inner: type[BaseModel] | None = model
    text = "a table"
    for part in location:
        if not isinstance(part, str) or inner is None:
            continue
        field = inner.model_fields.get(part)
        if field is None:
            break
        text = (field.description or text).split(": ")[0]
        inner = _table(field)
    return text


def _table(field: FieldInfo) -> type[BaseModel] | None:
    """Look through lists and options for the table that a field holds."""
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        pending.extend(get_args(annotation))
    return None


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
