"""Lists the differences between two objects of the API, one line each. No I/O."""

import json
from collections.abc import Iterator
from typing import Any, Final

_ABSENT: Final = object()


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield each difference: "spec.containers[app].env[TARGET].value: "a" → "b"".

    Entries of lists are matched by their ``name`` if they have one.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            where = _below(path, str(key))
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), where)
    elif _is_named(before) and _is_named(after):
        old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name, _ABSENT), new.get(name, _ABSENT), f"{path}[{name}]")
    elif _is_empty(before) and isinstance(after, dict | list) and after and not path.endswith("]"):
        yield from differences(type(after)(), after, path)
    elif before != after and not (_is_empty(before) and _is_empty(after)):
        if before is _ABSENT:
            yield f"{path}: {_text(after)} is added"
        elif after is _ABSENT:
            yield f"{path}: {_text(before)} is taken out"
        else:
            yield f"{path}: {_text(before)} → {_text(after)}"


def _is_named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and "name" in entry for entry in value)


def _is_empty(value: object) -> bool:
    return value is _ABSENT or value is None or value in ({}, [])


def _below(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _text(value: object) -> str:
    """Return a value as text; for an environment variable, what it is set to."""
    if isinstance(value, dict) and value.keys() == {"name", "value"}:
        value = value["value"]
    return json.dumps(value, ensure_ascii=False)
