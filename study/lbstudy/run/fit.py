"""What a subject's programs cannot do of a scenario and its settings; it is reported before the run."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from lbstudy.config import command as commands
from lbstudy.config.deployments import Deployments
from lbstudy.config.error import nearest
from lbstudy.config.fault import AnyFault, OnStarts, labels
from lbstudy.config.fault_kinds import FAULT_KINDS, MadeBy
from lbstudy.config.method import idle
from lbstudy.config.repository import repository
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject

_LONGEST = 45
"""Characters of a subject's and a setting's name together: pod names contain both."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that a setting or a scenario asks for and that is not done."""

    who: str  # "client", "servers", "study"
    option: str  # as it is called in the file
    why: str


def unfit(subject: Subject, settings: Iterable[Setting]) -> list[str]:
    """Return why a subject cannot be run with these settings; empty if it can."""
    reasons = []
    client = subject.client_program
    takes = commands.used(client.command, client.environment)
    for setting in settings:
        name = f"{subject.name}-{setting.name}"
        if len(name) - 1 > _LONGEST:
            reasons.append(
                f"subject {subject.name} with setting {setting.name}: expected names of at most {_LONGEST}"
                f" characters together, found {len(name) - 1}"
            )
        if setting.discovery == "xds" and subject.kubernetes is not None:
            reasons.append(f"setting {setting.name}: {_no_push(subject.kubernetes)}")
        elif setting.discovery == "xds" and "target" not in takes:
            reasons.append(
                f"subject {subject.name} with setting {setting.name}: the client has no {{target}} in its"
                ' command, which discovery = "xds" needs'
            )
    return reasons


def left_out(scenario: Scenario, subject: Subject) -> list[LeftOut]:
    """Return the faults of a scenario that a subject's servers cannot make."""
    return [
        LeftOut("servers", f"[[fault]] {label}", why)
        for fault, label in zip(scenario.fault, labels(scenario.fault), strict=True)
        if (why := _obstacle(fault, subject))
    ]


def fitted(scenario: Scenario, subject: Subject) -> Scenario:
    """Return the scenario without the faults that a subject's servers cannot make."""
    kept = [fault for fault in scenario.fault if not _obstacle(fault, subject)]
    return scenario if len(kept) == len(scenario.fault) else scenario.model_copy(update={"fault": kept})


def can_make(fault: AnyFault, subject: Subject) -> bool:
    """Return whether a fault is possible: the subject's servers can make it, or somebody else does."""
    return not _obstacle(fault, subject)


def not_applied(scenario: Scenario, setting: Setting, subject: Subject) -> list[LeftOut]:
    """Return what a setting and its scenario ask for that these programs cannot do."""
    client, server = subject.client_program, subject.server_program
    takes = commands.used(client.command, client.environment)
    serves = commands.used(server.command, server.environment)
    left = []
    if "channel_options" not in takes:
        why = _missing(subject, "client", "channel_options")
        left += [LeftOut("client", f"[channel] {key}", why) for key in setting.channel]
    if "service_config" not in takes and setting.discovery == "dns":
        option = (
            "[service_config]" if setting.service_config is not None else f"policy {setting.load_balancing}"
        )
        left.append(LeftOut("client", option, _missing(subject, "client", "service_config")))
    if "server_options" not in serves:
        why = _missing(subject, "servers", "server_options")
        left += [LeftOut("servers", f"[server] {key}", why) for key in setting.server]
    if setting.report_load and "report_load" not in serves:
        left.append(LeftOut("servers", "report_load", _missing(subject, "servers", "report_load")))
    for key in ("wait", "grace"):
        if f"drain_{key}" not in serves:
            left.append(LeftOut("servers", f"[drain] {key}", _missing(subject, "servers", f"drain_{key}")))
    left += _work(scenario, subject, serves)
    left += _load(scenario, subject, takes)
    if scenario.tls is not None and (why := no_tls(setting, subject)):
        left += [LeftOut(who, "[tls] of the scenario", why) for who in ("client", "servers")]
    left += _probes(subject)
    left += _load_that_changes(scenario, subject, takes, serves)
    left += left_out(scenario, subject)
    left += _methods(setting, subject)
    return left


def capacity(scenario: Scenario, subject: Subject) -> int | None:
    """Return how many RPCs a subject's servers handle at a time, if they report it; None: no limit."""
    server = subject.server_program
    serves = commands.used(server.command, server.environment)
    return scenario.server.concurrency if {"concurrency", "control_address"} <= serves else None


def no_tls(setting: Setting, subject: Subject) -> str:
    """Return why connections are plain text although the scenario has [tls]; "" if they can be encrypted."""
    client, server = subject.client_program, subject.server_program
    if setting.discovery == "xds":
        return "what a control plane sends to clients names no certificates"
    if "tls_certificate" not in commands.used(server.command, server.environment):
        return _missing(subject, "servers", "tls_certificate")
    if "tls_ca" not in commands.used(client.command, client.environment):
        return _missing(subject, "client", "tls_ca")
    return ""


def warms_up(subject: Subject) -> bool:
    """Whether a subject's servers do what the scenario's [server.cold] says."""
    server = subject.server_program
    return "cold_factor" in commands.used(server.command, server.environment)


def missing_programs(subject: Subject) -> list[str]:
    """Return which programs of a subject are missing on this machine, in words; looks at files."""
    if subject.kubernetes is not None:
        return []  # its programs are in a cluster
    values = {"folder": str(subject.folder), "repository": str(repository() or "")}
    missing = []
    for role, program in (("server", subject.server_program), ("client", subject.client_program)):
        first = program.command[0]
        assert isinstance(first, str)
        if (path := _program(first, values, subject.folder)) is not None:
            missing.append(f"{role}: {path}: there is no such program")
        for need in program.needs:
            file = subject.folder / commands.fill(need, values)
            if not file.is_file():
                missing.append(f"{role}: {file}: there is no such file")
    if subject.call is not None:
        missing += [
            f"call: {path}: there is no such file"
            for path in subject.call.files(subject.folder)
            if not path.is_file()
        ]
    return missing


def unavailable(subject: Subject) -> str | None:
    """Return one line about a subject whose programs are missing; None if all are here."""
    missing = missing_programs(subject)
    if not missing:
        return None
    if subject.build:
        return f"the subject {subject.name} is not available: run {subject.build} ({missing[0]})"
    return f"the subject {subject.name} is not available: {'; '.join(missing)}"


def _program(first: str, values: Mapping[str, str], folder: Path) -> str | None:
    """Return a program that is missing; None if it exists, or is the study's own Python."""
    if "{python}" in first:
        return None
    path = commands.fill(first, values)
    if "/" in path:
        path = str(folder / path)
    return None if which(path) else path


def _obstacle(fault: AnyFault, subject: Subject) -> str:
    """Return why a subject's servers cannot make a fault; "" if they can, or if somebody else makes it."""
    if subject.kubernetes is not None:
        why = FAULT_KINDS[fault.kind].not_from_outside
        return why and f"deployment/{subject.kubernetes.server}: {why}"
    server = subject.server_program
    serves = commands.used(server.command, server.environment)
    if FAULT_KINDS[fault.kind].made_by is MadeBy.SERVER and "control_address" not in serves:
        return _missing(subject, "servers", "control_address")
    if isinstance(fault, OnStarts):
        needed = "start_crash" if fault.kind == "crash-at-start" else "start_delay"
        if needed not in serves:
            return _missing(subject, "servers", needed)
    return ""


def _work(scenario: Scenario, subject: Subject, serves: Collection[str]) -> Iterator[LeftOut]:
    if "work" not in serves:
        yield LeftOut("servers", "[server] work of the scenario", _missing(subject, "servers", "work"))
    if scenario.server.cold is not None and not warms_up(subject):
        why = _missing(subject, "servers", "cold_factor")
        yield LeftOut("servers", "[server.cold] of the scenario", why)


def _load(scenario: Scenario, subject: Subject, takes: Collection[str]) -> Iterator[LeftOut]:
    for key in ("rate", "clients", "timeout", "duration", "start_at"):
        if key not in takes:
            yield LeftOut("client", f"{key} of the load", _missing(subject, "client", key))
    for key in ("request_size", "answer_size"):
        if getattr(scenario.load, key) and key not in takes:
            yield LeftOut("client", f"{key} of the load", _missing(subject, "client", key))
    if scenario.load.stream is not None and "stream_kind" not in takes:
        why = _missing(subject, "client", "stream_kind")
        yield LeftOut("client", "[load.stream] of the scenario", why)


def _no_push(named: Deployments) -> str:
    """Return why copies of Deployments cannot use a control plane."""
    if named.client is not None:
        keeps, needs = f"deployment/{named.client} keeps its own target, a name in DNS", "another"
    else:
        keeps = f"deployment/{named.server} keeps its own end"
        needs = "servers that ask the control plane before they end"
    return f'{keeps}, and discovery = "xds" needs {needs}'


def _methods(setting: Setting, subject: Subject) -> Iterator[LeftOut]:
    methods = subject.methods
    if setting.service_config is None or not methods:
        return
    for name in idle(setting.service_config, methods):
        yield LeftOut(
            "client",
            f"methodConfig of {name}",
            f"{subject.name} calls {', '.join(methods)} only{nearest(name, methods)}",
        )


def _probes(subject: Subject) -> Iterator[LeftOut]:
    if subject.kubernetes is not None:
        why = f"deployment/{subject.kubernetes.server} keeps its own probes"
        yield LeftOut("servers", "[server] probe_* of the scenario", why)


def _load_that_changes(
    scenario: Scenario, subject: Subject, takes: Collection[str], serves: Collection[str]
) -> Iterator[LeftOut]:
    if scenario.load.step and "rates" not in takes:
        yield LeftOut("client", "[[load.step]] of the scenario", _missing(subject, "client", "rates"))
    if scenario.server.concurrency is None or capacity(scenario, subject) is not None:
        return
    why = _missing(subject, "servers", "control_address" if "concurrency" in serves else "concurrency")
    yield LeftOut("servers", "[server] concurrency of the scenario", why)
    if scenario.autoscaler is not None:
        yield LeftOut("study", "[autoscaler]", f"nobody tells how busy servers are: {why}")


def _missing(subject: Subject, role: str, placeholder: str) -> str:
    if subject.kubernetes is not None:
        name = subject.kubernetes.client if role == "client" else subject.kubernetes.server
        return f"deployment/{name} keeps its own command"
    whose = "client's" if role == "client" else "servers'"
    return f"the {whose} command has no {{{placeholder}}}"
