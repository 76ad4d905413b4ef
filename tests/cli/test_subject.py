"""What the commands say of the programs under study before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.config import available_subjects, load_subject
from lbstudy.config.builtin import DEFAULT_SUBJECT
from lbstudy.venues.local.subjects import subject_check

Command = Callable[..., Any]
CALL = """[call]
method = "orders.v1.Orders/Get"
"""


def write_subject(name: str, command: str = '["{python}", "{address}"]') -> str:
    """A subject whose servers take nothing but their address, in a file here."""
    Path(f"{name}.toml").write_text(
        f'name = "{name}"\ndescription = "servers of {name}"\n[server]\ncommand = {command}\n{CALL}'
    )
    return f"./{name}.toml"


def test_a_dry_run_names_the_subject_and_what_it_cannot_take(lbstudy: Command) -> None:
    subject = write_subject("orders")

    done = lbstudy("run", "quick", "-s", "max-age", "--subject", subject, "--dry-run")

    assert (done.code, done.err) == (0, "")  # all of it is in the plan, and nowhere else
    lines = done.out.splitlines()
    assert "Subject orders: servers of orders" in lines
    assert (
        "  servers will not apply [server] grpc.max_connection_age_ms: the servers' command has no"
        " {server_options}" in lines
    )
    assert not any("client will not apply" in line for line in lines)


def test_a_dry_run_of_several_subjects_tells_by_setting(lbstudy: Command) -> None:
    files = f"{write_subject('orders')},{DEFAULT_SUBJECT}"

    plan = json.loads(lbstudy("run", "quick", "-s", "stock", "--subject", files, "--dry-run", "--json").out)

    assert [(one["name"], Path(one["file"]).name) for one in plan["subjects"]] == [
        ("orders", "orders.toml"),
        (DEFAULT_SUBJECT, f"{DEFAULT_SUBJECT}.toml"),
    ]
    orders, greeter = plan["settings"]
    assert (orders["name"], orders["subject"]) == ("orders-stock", "orders")
    assert (greeter["subject"], greeter["not_applied"]) == (DEFAULT_SUBJECT, [])
    assert {one["option"]: one["who"] for one in orders["not_applied"]} == {
        "[drain] wait": "servers",
        "[drain] grace": "servers",
        "[server] work of the scenario": "servers",
    }
    assert all(one["why"] for one in orders["not_applied"])
    text = lbstudy("run", "quick", "-s", "stock", "--subject", files, "--dry-run").out
    assert "  subject   orders" in text.splitlines()


def test_a_comparisons_dry_run_names_them_too(lbstudy: Command) -> None:
    files = f"{write_subject('orders')},{DEFAULT_SUBJECT}"
    arguments = ("compare", "-s", "stock", "--scenario", "quick", "--subject", files, "--dry-run")

    lines = lbstudy(*arguments).out.splitlines()
    plan = json.loads(lbstudy(*arguments, "--json").out)

    assert f"Subjects: orders, {DEFAULT_SUBJECT}" in lines
    assert sum("setting orders-stock: servers will not apply [drain] wait: " in line for line in lines) == 1
    assert {one["option"] for one in plan["not_applied"]["orders-stock"]} >= {"[drain] wait"}
    assert plan["not_applied"][f"{DEFAULT_SUBJECT}-stock"] == []


def test_a_run_says_before_it_begins_what_is_not_applied(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "-s", "stock", "--subject", write_subject("orders"), "--out", "mine")

    assert done.code == 0
    assert (
        "lbstudy: note: setting stock: [drain] wait is not applied: the servers' command has no {drain_wait}"
        in done.err.splitlines()
    )


def test_doctor_has_a_line_for_each_subject_that_is_built_in(lbstudy: Command) -> None:
    checks = {one["name"]: one for one in json.loads(lbstudy("doctor", "--json").out)}

    for subject in available_subjects():
        found = checks[f"subject {subject.name}"]
        assert found["status"] in {"ok", "note"}  # a language that is not there hinders no run of another
        assert (
            found["status"] == "ok"
            or f"(scripts/build-subjects {subject.name.split('-')[0]})" in found["found"]
        )
    assert checks[f"subject {DEFAULT_SUBJECT}"]["status"] == "ok"


@pytest.mark.parametrize("build", ["", "make orders"])
def test_a_subject_whose_programs_are_not_here_is_a_note(tmp_path: Path, build: str) -> None:
    file = tmp_path / "orders.toml"
    file.write_text(f'name = "orders"\nbuild = "{build}"\n[server]\ncommand = ["./orders"]\n{CALL}')

    check = subject_check(load_subject(str(file)))

    assert (check.status, check.name) == ("note", "subject orders")
    assert check.found == "orders missing: the subject orders is not available" + (
        f" ({build})" if build else ""
    )
    assert check.advice == f"server: {tmp_path / 'orders'}: there is no such program"
