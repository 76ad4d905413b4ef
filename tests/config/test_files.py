"""Names and paths, built-in files, and files that cannot be read."""

import os
import re
from pathlib import Path

import pytest
from lbstudy.config import (
    ConfigError,
    available_scenarios,
    available_settings,
    load_requirement,
    load_scenario,
    load_setting,
    notes,
)
from lbstudy.config.builtin import available


def test_the_default_scenario_is_what_the_documentation_says() -> None:
    scenario = load_scenario("scale")

    assert [(step.at, step.servers) for step in scenario.step] == [(0, 3), (20, 6), (55, 2)]
    assert (scenario.duration, scenario.load.clients, scenario.load.rate) == (80, 2, 30)


def test_the_default_settings_differ_in_the_remedy_only() -> None:
    stock, max_age = load_setting("stock"), load_setting("max-age")

    assert (stock.channel, stock.server) == ({}, {})
    assert max_age.server == {"grpc.max_connection_age_ms": 10000, "grpc.max_connection_age_grace_ms": 5000}
    assert max_age.channel == {"grpc.dns_min_time_between_resolutions_ms": 5000}
    assert (stock.service_config_json, stock.drain) == (max_age.service_config_json, max_age.drain)


def test_every_built_in_file_bears_its_own_name_and_needs_no_note() -> None:
    scenarios = [(one, load_scenario(one.name)) for one in available_scenarios()]
    settings = [(one, load_setting(one.name)) for one in available_settings()]

    assert {one.name for one, _ in scenarios} >= {"scale", "quick"}
    assert {one.name for one, _ in settings} >= {"stock", "max-age"}
    for one, loaded in [*scenarios, *settings]:
        assert loaded.name == one.name == one.path.stem
        assert one.description() == loaded.description
    names = [one.name for one in available()]
    assert len(names) == len(set(names)), "list --copy tells them apart by name alone"
    assert [notes(scenario, [setting for _, setting in settings]) for _, scenario in scenarios] == [
        [] for _ in scenarios
    ]


def test_built_in_files_explain_themselves() -> None:
    for one in [*available_scenarios(), *available_settings()]:
        assert one.path.read_text(encoding="utf-8").startswith("# ")
    (scale,) = (one.path.read_text(encoding="utf-8") for one in available_scenarios() if one.name == "scale")
    for key in ("clients", "rate", "timeout", "work", "ttl", "propagation"):
        assert re.search(rf"^{key} = .*#", scale, flags=re.MULTILINE), f"{key} has no comment"


def test_a_built_in_name_wins_over_a_file_and_a_path_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scale").write_text('name = "other"\nduration = 1\n[[step]]\nat = 0\nservers = 1\n')
    monkeypatch.chdir(tmp_path)

    assert load_scenario("scale").name == "scale"
    assert load_scenario("./scale").name == "other"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load_scenario("scael")
    names = ", ".join(one.name for one in available_scenarios())
    assert str(caught.value) == (
        f"scael: expected a file, or a built-in scenario ({names}); did you mean scale?"
    )

    with pytest.raises(
        ConfigError, match=r"^stok: expected a file, or a built-in setting \(.*\bmax-age, .*\bstock\b.*\)"
    ):
        load_setting("stok")


def _missing(folder: Path) -> str:
    return str(folder / "none.toml")


def _folder(folder: Path) -> str:
    return str(folder)


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.toml")
    return str(folder / "pipe.toml")


def _huge(folder: Path) -> str:
    (folder / "huge.toml").write_bytes(b"#" * ((1 << 20) + 1))
    return str(folder / "huge.toml")


def _loop(folder: Path) -> str:
    (folder / "loop.toml").symlink_to("loop.toml")
    return str(folder / "loop.toml")


def _below_a_file(folder: Path) -> str:
    (folder / "file").touch()
    return str(folder / "file" / "x.toml")


def _latin(folder: Path) -> str:
    (folder / "latin.toml").write_bytes(b'name = "a"\n# caf\xe9\n')
    return str(folder / "latin.toml")


def _syntax(folder: Path) -> str:
    (folder / "syntax.toml").write_text('name = "a"\nduration = \n')
    return str(folder / "syntax.toml")


def _deep(folder: Path) -> str:
    (folder / "deep.toml").write_text("a = " + "[" * 100_000)
    return str(folder / "deep.toml")


def _dotted(folder: Path) -> str:
    (folder / "dotted.toml").write_text(".".join("a" * 5000) + " = 1")
    return str(folder / "dotted.toml")


def _digits(folder: Path) -> str:
    (folder / "digits.toml").write_text("duration = " + "9" * 10_000)
    return str(folder / "digits.toml")


def _hexadecimal(folder: Path) -> str:
    (folder / "hex.toml").write_text("duration = 0x" + "f" * 10_000)
    return str(folder / "hex.toml")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "cannot be read: No such file or directory"),
        (_folder, "expected a TOML file, found a folder"),
        (_pipe, "expected a TOML file, but this is not a regular file"),
        (_huge, "expected at most 1 MiB"),
        (_loop, "cannot be read: Too many levels of symbolic links"),
        (_below_a_file, "cannot be read: Not a directory"),
        (_latin, "expected UTF-8 text, found another byte in line 2"),
        (_syntax, "expected TOML: Invalid value (at line 2, column 12)"),
        (_deep, "expected tables and arrays nested at most 32 deep"),
        (_dotted, "expected tables and arrays nested at most 32 deep"),
        (_digits, "expected TOML: Exceeds the limit"),
        (_hexadecimal, "expected whole numbers of 64 bits at most"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    path = make(tmp_path)

    for load in (load_requirement, load_scenario, load_setting):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}: {reason}")
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret.toml"
    path.touch(mode=0o000)

    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load_scenario(path)


def test_a_nul_in_a_path_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^a\\x00b: cannot be read: "):
        load_scenario("a\0b")


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_text('name = "a"\n', encoding="utf-8-sig")

    assert load_setting(path).name == "a"


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('"a\\u001b[31m\\nb" = 1\n')

    with pytest.raises(ConfigError) as caught:
        load_setting(path)

    assert str(caught.value).isprintable()
