"""Subject files: what may stand there, what a mistake is answered, what becomes of a command."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lbstudy.config import ConfigError, load_subject
from lbstudy.config.command import (
    CLIENT,
    SERVER,
    SERVER_LISTS,
    ArgumentGroup,
    Values,
    escaped,
    fill,
    fill_command,
    read_command,
    used,
)

Write = Callable[[str], Path]  # conftest.write
HEAD = 'name = "orders"\n'
CALL = '[call]\nmethod = "orders.v1.Orders/Get"\n'


def subject(server: str, rest: str = CALL) -> str:
    return f"{HEAD}[server]\n{server}\n{rest}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (subject(""), "server, command: missing, expected a list that begins with the program, as ["),
        (subject("command = []"), "server, command: expected a list that begins with the program"),
        (
            subject('command = ["./a", "--listen={adress}"]'),
            "server, command: part 2: {adress} is an unknown placeholder; did you mean address? (known: pod,",
        ),
        (
            subject('command = ["./a", "{channel_options}"]'),
            "server, command: part 2: {channel_options} is an unknown placeholder",
        ),
        (
            subject('command = ["./a", { when = "report_lod", add = ["-r"] }]'),
            "server, command: part 2: when: expected one of pod, run",
        ),
        (
            subject('command = ["./a", { each = "channel_options", add = ["{key}"] }]'),
            'part 2: each: expected one of server_options, found "channel_options"',
        ),
        (subject('command = ["./a", 5]'), "part 2: expected a text, or a table with when or each, and add"),
        (
            subject('command = ["./a"]\nenvironment = { "A B" = "" }'),
            "server, environment: expected names of variables",
        ),
        (
            subject('command = ["./a"]\nenvironment = { A = "{tarket}" }'),
            "server, environment: A: {tarket} is an unknown placeholder",
        ),
        (subject('command = ["./a"]\nport = 50052'), "server: port: expected another port than 50052"),
        (
            subject('command = ["./a"]\ninstrument = true'),
            "server: instrument and preload are for the study's own Python",
        ),
        (
            subject('command = ["./a"]\nready = { by = "tcp", service = "a" }'),
            'server, ready: expected service only with by = "grpc"',
        ),
        (subject('command = ["./a"]', ""), "expected either [client] (a program of yours) or [call]"),
        (
            subject('command = ["./a"]', '[call]\nmethod = "Get"'),
            "call, method: expected a method with its service, such as \"orders.v1.Orders/Get\", found 'Get'",
        ),
        (
            subject('command = ["./a"]', CALL + 'metadata = { Tenant = "a" }'),
            "call, metadata: expected keys of lower-case letters",
        ),
        (
            subject('command = ["./a"]', CALL + "request = { at = 1979-05-27 }"),
            "call, request: expected values that JSON has",
        ),
        (HEAD.replace("orders", "9orders") + "[server]", "name: expected a name of lower-case letters"),
    ],
)
def test_a_mistake_is_answered_with_one_line(write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_subject(path)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_a_command_becomes() -> None:
    command = read_command(
        [
            "./a",
            "--listen={address}",
            '--json={"a":{"b":1}}',
            "${HOME} {{address}}",
            {"when": "report_load", "add": ["--report-load"]},
            {"when": "control_address", "add": ["--control", "{control_address}"]},
            {"each": "server_options", "add": ["-o", "{key}={value}@{port}"]},
        ],
        SERVER,
        SERVER_LISTS,
    )
    texts = {"address": "127.0.1.1:50051", "port": "50051", "report_load": "", "control_address": "c:1"}

    assert fill_command(command, Values(texts, {"server_options": {"grpc.a": "1", "grpc.b": "x"}})) == [
        "./a",
        "--listen=127.0.1.1:50051",
        '--json={"a":{"b":1}}',
        "${HOME} {address}",
        *("--control", "c:1"),
        *("-o", "grpc.a=1@50051", "-o", "grpc.b=x@50051"),
    ]
    assert used(command, {"A": "{work}"}) == {
        *("address", "report_load", "control_address", "server_options", "port", "work"),
    }


def test_a_text_of_the_users_stays_as_it_is() -> None:
    text = '{"name": "hello {target}", "more": "{{pod}}"}'

    assert fill(escaped(text), dict.fromkeys(CLIENT, "X")) == text.replace("{{pod}}", "{pod}")


def test_the_study_s_client_gets_the_call(write: Write) -> None:
    call = CALL + 'request = { id = "{pod}" }\nmetadata = { tenant = "a" }\nprotos = ["orders.proto"]'
    path = write(subject('command = ["./a"]', call))
    client = load_subject(path).client_program
    filled = fill_command(client.command, Values({"target": "dns:///orders:1", "python": "py"}))

    assert filled[:5] == ["py", "-m", "caller", "--target", "dns:///orders:1"]
    assert filled[-5:] == [
        *("--method", "orders.v1.Orders/Get"),
        '--request={"id": "{pod}"}',
        "--metadata=tenant=a",
        f"--proto={path.parent / 'orders.proto'}",
    ]
    assert client.calls == ["orders.v1.Orders/Get"]
    assert client.instrument


def test_groups_are_data() -> None:
    assert ArgumentGroup(("a",), when="work") == ArgumentGroup(("a",), when="work", each="")
