"""Sentences on what a setting's options will and will not do; each follows from the model alone."""

from enum import StrEnum

from pydantic import Field

from lbstudy.config.notes import MAX_AGE, MIN_INTERVAL, PING_TIMEOUT, notes
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.keepalive import KEEPALIVE_TIME, keepalive
from lbstudy.model.limits import unmodelled, unmodelled_load
from lbstudy.model.parameters import AGE_JITTER, Parameters, milliseconds, why_never
from lbstudy.model.removal import killed
from lbstudy.model.streams import MAX_AGE_GRACE, stream_sentences
from lbstudy.result.model import Part


class Topic(StrEnum):
    """What a sentence is about."""

    OPTION = "option"
    ADDED = "servers added"
    REMOVED = "servers removed"
    HUNG = "server hangs"
    KILLED = "server killed"
    STREAMS = "streams"
    PRICE = "price"


class Statement(Part):
    """One thing that a setting does, or does not do."""

    topic: Topic
    text: str
    warns: bool = Field(description="whether it is probably not what was meant")


def statements(setting: Setting, scenario: Scenario, parameters: Parameters) -> list[Statement]:
    """Return all sentences, warnings first within each topic."""
    prefix = f"setting {setting.name}: "
    sentences = [
        Statement(topic=Topic.OPTION, text=_sentence(line.removeprefix(prefix)), warns=True)
        for line in notes(scenario.model_copy(update={"expect": []}), [setting])
    ]
    if left_out := [*unmodelled(setting), *unmodelled_load(scenario)]:
        sentences.append(
            _warning(
                Topic.OPTION, f"Not in the model, and ignored in all that follows: {'; '.join(left_out)}."
            )
        )
    if setting.discovery == "xds":
        sentences += _pushed(setting, scenario, parameters)
    else:
        sentences += _added(setting, parameters, scenario)
        sentences += _removed(parameters)
        sentences.append(_killed(parameters, scenario))
    sentences += _cut_off(setting, parameters)
    sentences += [
        Statement(topic=Topic.STREAMS, text=text, warns=warns)
        for text, warns in stream_sentences(setting, scenario, parameters)
    ]
    sentences += _hung(setting, parameters, scenario)
    order = list(Topic)
    return sorted(sentences, key=lambda statement: (order.index(statement.topic), not statement.warns))


def _added(setting: Setting, p: Parameters, scenario: Scenario) -> list[Statement]:
    interval = f"{p.min_interval:g} s"
    said = []
    if not p.ages:
        said.append(
            _warning(
                Topic.ADDED,
                "A scale-up alone is never seen. A client looks up DNS when a connection ends or an attempt"
                f" fails, and nothing here ends one ([server] {why_never(setting.server, MAX_AGE)}): new"
                " servers get no request until some other server ends.",
            )
        )
        said.append(
            _plain(
                Topic.ADDED,
                "When a server goes, a client looks up DNS at once, or at the end of the minimum interval"
                f" ({interval} since it last asked), and then also finds servers that were added before.",
            )
        )
    else:
        longest = p.max_age * (1 + AGE_JITTER)
        latest = p.propagation + longest + p.min_interval
        ages = f"{p.max_age * (1 - AGE_JITTER):g} to {longest:g} s"
        governs = (
            f"the minimum interval ({MIN_INTERVAL}) decides: expect up to {interval} after DNS"
            if p.max_age < p.min_interval
            else f"a client then looks up DNS, at most every {interval}"
        )
        said.append(
            _plain(
                Topic.ADDED,
                f"Each connection ends after {ages}, and {governs}. The last client finds a new server within"
                f" {latest:g} s of its being Ready, if DNS follows after {p.propagation:g} s.",
            )
        )
    if not p.connects_to_all:
        said.append(
            _warning(
                Topic.ADDED,
                "pick_first keeps one connection. Only when that ends does it go to another server:"
                " the first in DNS's answer, new or not. Load is not balanced among the servers.",
            )
        )
    said.append(
        _plain(
            Topic.ADDED,
            f"The TTL in DNS ({scenario.dns.ttl} s) has no effect: a gRPC client does not look at it.",
        )
    )
    return said


def _pushed(setting: Setting, scenario: Scenario, p: Parameters) -> list[Statement]:
    """Say what a control plane that pushes the servers does, and what it costs."""
    clients, most = scenario.load.clients, max(step.servers for step in scenario.step)
    said = [
        _plain(
            Topic.ADDED,
            "Clients look up nothing: the control plane sends each change at once, over a stream that clients"
            " hold open. A new server gets its first request when the control plane has seen it Ready and the"
            " client has connected; there is no wait for a minimum interval, DNS's delay or TTL. How long"
            " that takes is measured in docs/push.md, not predicted here.",
        ),
        _plain(
            Topic.ADDED,
            "While the control plane is away, clients go on with their last list, and changes are not seen.",
        ),
        _plain(
            Topic.REMOVED,
            "A server leaves the list at the signal to end; clients have the new list some milliseconds"
            f" later, and it goes on answering for {p.drain_wait:g} s ([drain] wait).",
        )
        if p.drain_wait > 0
        else _warning(
            Topic.REMOVED,
            "A server stops at once ([drain] wait = 0), before its clients have the list without it: RPCs"
            " sent to it meanwhile may fail. A wait of a second avoids it.",
        ),
        _plain(
            Topic.KILLED,
            "A server that is killed (SIGKILL) loses the RPCs that it works on, about"
            f" {_lost(p, scenario):.2g} in this scenario; its connections end at once, and clients turn to"
            " the others. It leaves the list when the control plane sees that it is gone.",
        ),
        _plain(
            Topic.PRICE,
            "It needs a control plane, with two replicas or more (docs/push.md), and clients name"
            " xds:///SERVICE and have GRPC_XDS_BOOTSTRAP_CONFIG set. Each client's process holds one stream"
            f" to it, and gets the whole list with each change: of {most} servers in this scenario, to"
            f" {clients} clients at most. There are no DNS queries for servers.",
        ),
    ]
    useless = [f"[channel] {MIN_INTERVAL}"] if MIN_INTERVAL in setting.channel else []
    useless += [f"[server] {MAX_AGE}"] if p.ages else []
    if useless:
        said.append(
            _warning(
                Topic.ADDED,
                f"{' and '.join(useless)} {'does' if len(useless) == 1 else 'do'} nothing for discovery here:"
                " clients learn of servers by push.",
            )
        )
    return said


def _removed(p: Parameters) -> list[Statement]:
    said = []
    if p.drain_wait < p.propagation:
        said.append(
            _warning(
                Topic.REMOVED,
                f"A server stops {p.drain_wait:g} s after SIGTERM ([drain] wait), but is in DNS for"
                f" {p.propagation:g} s: clients that look it up at its GOAWAY get the old list, and look"
                f" again after an attempt to reconnect has failed, {p.min_interval:g} s later at the"
                f" soonest. A wait above {p.propagation:g} s avoids it.",
            )
        )
    else:
        said.append(
            _plain(
                Topic.REMOVED,
                f"A server stops {p.drain_wait:g} s after SIGTERM, and leaves DNS"
                f" {p.drain_wait - p.propagation:g} s before that: at its GOAWAY clients get a correct list,"
                f" clients within their minimum interval ({p.min_interval:g} s) at its end.",
            )
        )
    return said


def _cut_off(setting: Setting, p: Parameters) -> list[Statement]:
    """Warn if the grace is shorter than the work."""
    said = []
    if p.work > p.drain_grace:
        said.append(
            _warning(
                Topic.REMOVED,
                f"RPCs take {p.work:g} s, the drain's grace is {p.drain_grace:g} s: those that a server"
                " works on when it stops are cut off.",
            )
        )
    age_grace = milliseconds(setting.server, MAX_AGE_GRACE, float("inf"))
    if p.ages and p.work > age_grace:
        said.append(
            _warning(
                Topic.REMOVED,
                f"RPCs take {p.work:g} s, a connection that has reached its age is closed after"
                f" {age_grace:g} s ({MAX_AGE_GRACE}): RPCs fail without any server being removed.",
            )
        )
    return said


def _hung(setting: Setting, p: Parameters, scenario: Scenario) -> list[Statement]:
    effective = keepalive(setting)
    share = _share(p, scenario)
    if not effective.gives_up:
        never = PING_TIMEOUT if effective.is_on else KEEPALIVE_TIME
        off = (
            "until its readiness probe has failed and it is off the list"
            if setting.discovery == "xds"
            else "for a minute and longer, without a look-up"
        )
        return [
            _warning(
                Topic.HUNG,
                f"A server that hangs is not noticed ({why_never(setting.channel, never)}): {share} fail"
                f" after {p.timeout:g} s each, {off}.",
            )
        ]
    said = [
        _plain(
            Topic.HUNG,
            f"A server that hangs is given up within {effective.detects_after:g} s: a ping after"
            f" {effective.time:g} s without data, and {effective.ping_timeout:g} s for its answer"
            f" ({PING_TIMEOUT}, which governs)."
            f" Until then {share} fail.",
        )
    ]
    if effective.without_calls and effective.time < effective.tolerated:
        said.append(
            _warning(
                Topic.HUNG,
                f"Idle clients ping every {effective.time:g} s, the servers tolerate pings without data every"
                f" {effective.tolerated:g} s (grpc.http2.min_ping_interval_without_data_ms): they end the"
                " connection with GOAWAY, too_many_pings.",
            )
        )
    return said


def _killed(p: Parameters, scenario: Scenario) -> Statement:
    return _plain(
        Topic.KILLED,
        f"A server that is killed (SIGKILL) loses the RPCs that it works on, about"
        f" {_lost(p, scenario):.2g} in this"
        " scenario; its connections end at once, and clients look up DNS as after a removal, before DNS"
        f" knows: they try the dead address again after 1 s, 1.6 s … and look again {p.min_interval:g} s"
        " later.",
    )


def _lost(p: Parameters, scenario: Scenario) -> float:
    """Return the RPCs of all clients that a killed server is expected to lose."""
    return killed(p, scenario.step[0].servers).failed * scenario.load.clients


def _share(p: Parameters, scenario: Scenario) -> str:
    servers = scenario.step[0].servers
    if not p.connects_to_all:
        return "all RPCs of the clients that are connected to it"
    return "all RPCs" if servers == 1 else f"1 in {servers} RPCs"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _plain(topic: Topic, text: str) -> Statement:
    return Statement(topic=topic, text=text, warns=False)


def _warning(topic: Topic, text: str) -> Statement:
    return Statement(topic=topic, text=text, warns=True)
