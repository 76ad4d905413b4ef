"""Commands with placeholders, such as ``["./server", "--listen", "{address}"]``: checks and fills them.

A placeholder is a word in braces. Braces around anything else (JSON, a shell's ``${NAME}``) are kept. Write
``{{word}}`` for the text ``{word}``.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lbstudy.config.error import clipped, nearest

_PLACEHOLDER = re.compile(r"(?<!\$)(?:\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\})", re.ASCII)

ANY: Final[Mapping[str, str]] = {
    "pod": "the pod's name, which is its own in the whole run",
    "run": "the run's ID",
    "setting": "the setting's name",
    "seed": "the run's seed, a whole number",
    "otlp_endpoint": "where telemetry goes, OTLP over gRPC: http://127.0.0.1:4317",
    "folder": "the folder of the subject file",
    "python": "the Python that the study runs on",
    "repository": "the folder of the study's source, where there is one",
}
"""Placeholders of both servers and clients → what replaces them."""
SERVER: Final[Mapping[str, str]] = {
    **ANY,
    "address": "where the pod has to listen: 127.0.1.5:50051",
    "host": "the IP address in it: 127.0.1.5",
    "port": "the port in it: 50051",
    "work": "seconds that an answer should take, by the scenario: 0.02",
    "cold_factor": "how many times the work the first answer takes, by the scenario, else nothing",
    "cold_seconds": "seconds from its start until the server is warm, else nothing",
    "cold_rpcs": "RPCs until the server is warm, else nothing",
    "concurrency": "RPCs that the server may work on at a time, by the scenario, else nothing",
    "tls_certificate": "the file of the server's certificate, with [tls] of the scenario, else nothing",
    "tls_key": "the file of its private key, else nothing",
    "tls_ca": "the file of the authority of clients' certificates, where they show one, else nothing",
    "health_address": "where probes ask the health service in plain text (TLS on a cluster), else nothing",
    "drain_wait": "seconds from the signal to end until the server takes no new RPCs, by the setting",
    "drain_grace": "seconds that RPCs in flight have after that, by the setting",
    "server_options": "the setting's [server] options as a JSON object",
    "report_load": "1 if the setting wants servers to report their load (ORCA), else nothing",
    "control_address": "where the control service has to listen (faults, the own load), else nothing",
    "start_delay": "seconds by which to delay this start, else nothing",
    "start_crash": "1 if this start has to fail, else nothing",
    "last_words": "a file for the program's last line, where its output may be lost, else nothing",
}
"""Placeholders of servers → what replaces them."""
CLIENT: Final[Mapping[str, str]] = {
    **ANY,
    "target": "the gRPC target: dns://127.0.1.1:40000/NAME:50051, or dns:///NAME:50051 (resolver), or xds:///NAME",
    "name": "the DNS name of the servers",
    "port": "the port of the servers",
    "dns": "the DNS server that knows the name: 127.0.1.1:40000",
    "channel_options": "the setting's [channel] options as a JSON object",
    "service_config": "the setting's service config as JSON",
    "start_at": "when the load starts, seconds since the Unix epoch: 1764192000.5",
    "duration": "seconds of load",
    "rate": "RPC/s of each simulated client",
    "rates": "a rate that changes, linear from point to point: 0.0:10.0,20.0:40.0, else nothing",
    "clients": "the number of simulated clients, each with connections of its own",
    "timeout": "the deadline of an RPC in seconds",
    "tls_ca": "the file of the authority of servers' certificates, with [tls] of the scenario, else nothing",
    "tls_certificate": "the file of the client's certificate, where it shows one, else nothing",
    "tls_key": "the file of its private key, else nothing",
    "request_size": "bytes added to each request, by the scenario, else nothing",
    "answer_size": "bytes added to each answer, by the scenario, else nothing",
    "stream_kind": "who sends the messages of streams, by the scenario: server, client, bidi; else nothing",
    "stream_rate": "messages/s of a stream, else nothing",
    "stream_life": "seconds for which a stream is held open, else nothing",
    "stream_share": "the part of the calls that are streams, else nothing",
}
"""Placeholders of clients → what replaces them."""
SERVER_LISTS: Final = ("server_options",)
CLIENT_LISTS: Final = ("channel_options",)
"""Lists for whose items a part of a command is repeated, with ``{key}`` and ``{value}``."""
ITEM: Final = ("key", "value")


@dataclass(frozen=True, slots=True)
class ArgumentGroup:
    """Arguments that are omitted if ``when`` has no value, or repeated for each option of ``each``."""

    add: tuple[str, ...]
    when: str = ""
    each: str = ""


Part = str | ArgumentGroup
Command = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """The values of the placeholders in one pod."""

    texts: Mapping[str, str]
    lists: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def placeholders(text: str) -> list[str]:
    """Return the placeholders in a text, in order."""
    return [match[2] for match in _PLACEHOLDER.finditer(text) if match[2] is not None]


def escaped(text: str) -> str:
    """Escape a text so that words in braces are not placeholders."""
    return _PLACEHOLDER.sub(lambda match: "{{" + (match[1] or match[2]) + "}}", text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace a text's placeholders; one without a value becomes empty."""
    return _PLACEHOLDER.sub(
        lambda match: "{" + match[1] + "}" if match[1] is not None else values.get(match[2], ""), text
    )


def fill_command(command: Sequence[Part], values: Values) -> list[str]:
    """Return the arguments of a command, its program first."""
    filled: list[str] = []
    for part in command:
        if isinstance(part, str):
            filled.append(fill(part, values.texts))
        elif part.each:
            for key, value in values.lists.get(part.each, {}).items():
                item = {**values.texts, "key": key, "value": value}
                filled.extend(fill(text, item) for text in part.add)
        elif values.texts.get(part.when):
            filled.extend(fill(text, values.texts) for text in part.add)
    return filled


def used(command: Sequence[Part], environment: Mapping[str, str]) -> set[str]:
    """Return the placeholders in a program's command and variables, including lists and conditions."""
    names = {name for value in environment.values() for name in placeholders(value)}
    for part in command:
        texts = [part] if isinstance(part, str) else part.add
        names |= {name for text in texts for name in placeholders(text)}
        if isinstance(part, ArgumentGroup):
            names |= {part.when, part.each} - {""}
    return names - set(ITEM)


def options_as_texts(options: Mapping[str, int | str | bool]) -> dict[str, str]:
    """Return gRPC's options as texts; gRPC has no booleans, so they become integers."""
    return {key: str(int(value) if isinstance(value, bool) else value) for key, value in options.items()}


def options_as_json(options: Mapping[str, int | str | bool]) -> str:
    """Return gRPC's options as a JSON object."""
    return json.dumps(
        {key: int(value) if isinstance(value, bool) else value for key, value in options.items()}
    )


# --- parsing --------------------------------------------------------------------------------------


def read_command(value: object, known: Iterable[str], lists: Sequence[str]) -> Command:
    """Parse a command from a file. Raises ValueError, which says what was expected."""
    if isinstance(value, tuple):
        return value  # a program made it
    if not isinstance(value, list) or not value:
        raise ValueError(
            'expected a list that begins with the program: ["./server", "--listen", "{address}"]'
        )
    if not isinstance(value[0], str) or not value[0]:
        raise ValueError("expected the program, a text, as the first part of the command")
    names = tuple(known)
    return tuple(_part(number, part, names, lists) for number, part in enumerate(value, start=1))


def check_text(text: str, known: Sequence[str]) -> None:
    """Raise ValueError if a text cannot be an argument or a variable, or has an unknown placeholder."""
    if "\0" in text:
        raise ValueError("expected a text without the character NUL")
    for name in placeholders(text):
        if name not in known:
            raise ValueError(
                f"{{{clipped(name)}}} is an unknown placeholder{nearest(name, known)}"
                f" (known: {', '.join(known)}; a text {{word}} is written {{{{word}}}})"
            )


def _part(number: int, part: object, known: Sequence[str], lists: Sequence[str]) -> Part:
    try:
        if isinstance(part, str):
            check_text(part, known)
            return part
        if isinstance(part, ArgumentGroup):
            return part
        if isinstance(part, dict):
            return _group(part, known, lists)
    except ValueError as error:
        raise ValueError(f"part {number}: {error}") from None
    raise ValueError(f"part {number}: expected a text, or a table with when or each, and add")


def _group(table: Mapping[str, object], known: Sequence[str], lists: Sequence[str]) -> ArgumentGroup:
    unknown = [str(key) for key in table if key not in {"when", "each", "add"}]
    if unknown:
        raise ValueError(f"{clipped(unknown[0])}: unknown key (known: when, each, add)")
    add = table.get("add")
    if not isinstance(add, list) or not all(isinstance(text, str) for text in add):
        raise ValueError('add: expected a list of texts: { when = "report_load", add = ["--report-load"] }')
    if ("when" in table) == ("each" in table):
        raise ValueError("expected either when or each")
    choices = lists if "each" in table else known
    chosen = table.get("each", table.get("when"))
    if not isinstance(chosen, str) or chosen not in choices:
        shown = f"{chosen}" if isinstance(chosen, str) else "something else"
        raise ValueError(
            f"{'each' if 'each' in table else 'when'}: expected one of {', '.join(choices)},"
            f' found "{clipped(shown)}"{nearest(shown, choices)}'
        )
    item = ITEM if "each" in table else ()
    for text in add:
        check_text(text, [*known, *item])
    return ArgumentGroup(tuple(add), **{("each" if "each" in table else "when"): chosen})
