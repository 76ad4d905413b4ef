"""Writes a setting that a program made as the file that a user would have written."""

import json
from collections.abc import Mapping, Sequence

from lbstudy.config.arguments import Argument
from lbstudy.config.setting import Setting


def setting_as_toml(setting: Setting, comment: Sequence[str] = ()) -> str:
    """Write a setting with a policy, options and a drain.

    Args:
        setting: without [service_config] and [push].
        comment: the lines at the top of the file.

    Raises:
        ValueError: the setting has [service_config] or [push].
    """
    if setting.service_config is not None or setting.push:
        raise ValueError("expected a setting without [service_config] and [push]")
    lines = [f"# {line}".rstrip() for line in comment]
    lines += [""] if comment else []
    lines += [f"name = {_text(setting.name)}", f"description = {_text(setting.description)}"]
    if setting.discovery != "dns":
        lines.append(f"discovery = {_text(setting.discovery)}")
    if setting.policy is not None:
        lines.append(f"policy = {_text(setting.policy)}")
    lines += _table("channel", setting.channel) + _table("server", setting.server)
    lines += ["", "[drain]", f"wait = {setting.drain.wait:g}", f"grace = {setting.drain.grace:g}"]
    return "\n".join(lines) + "\n"


def _table(name: str, arguments: Mapping[str, Argument]) -> list[str]:
    if not arguments:
        return []
    return ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in arguments.items())]


def _text(text: str) -> str:
    """Return a basic string of TOML: it has JSON's escapes, except for surrogates."""
    return json.dumps(text, ensure_ascii=False)
