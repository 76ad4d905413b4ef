"""The searches of docs/searches.md and the links of a report, asked of the real Jaeger and Prometheus."""

import json
import re
import shlex
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from grpc_lb_instrumentor.names import SERVER_POD
from lbstudy.report.html import render_html
from lbstudy.result.model import SettingResult, StageName

from tests.stack.sent import ABRUPT, SWIFT, SentRun, get

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+) ([\w-]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTED = {
    (kind, name): text for kind, name, text in BLOCK.findall((ROOT / "docs" / "searches.md").read_text())
}
UNAVAILABLE = 14


def traces(run: SentRun, **query: str) -> list[Any]:
    """The traces that Jaeger's page would show."""
    query.setdefault("start", str(round((run.zero - 60) * 1e6)))
    query.setdefault("end", str(round((run.end + 60) * 1e6)))
    query.setdefault("limit", "1500")
    found: list[Any] = get(f"{run.stack.jaeger}/api/traces", **query)["data"]
    return found


def documented(run: SentRun, name: str, **values: str) -> list[Any]:
    """The traces that a search of the docs finds: the page sends its tags field as JSON."""
    query = dict(line.split("=", 1) for line in DOCUMENTED["search", name].splitlines())
    told = query["tags"]
    for placeholder, value in {"RUN": run.run_id, **values}.items():
        told = re.sub(rf"=({placeholder})\b", f"={value}", told)
    tags = dict(pair.split("=", 1) for pair in shlex.split(told))
    assert not {"RUN", "POD", "SETTING"} & set(tags.values())
    return traces(run, **query | {"tags": json.dumps(tags)})


def spans(trace: dict[str, Any], service: str) -> list[dict[str, Any]]:
    """The tags of a trace's spans of one service, and their names."""
    of = {key for key, process in trace["processes"].items() if process["serviceName"] == service}
    return [
        {tag["key"]: tag["value"] for tag in span["tags"]} | {"name": span["operationName"]}
        for span in trace["spans"]
        if span["processID"] in of
    ]


def busiest(run: SentRun) -> tuple[str, int]:
    """A server that answered RPCs, and how many."""
    total = run.of(ABRUPT).distribution.total
    server = max(total, key=lambda name: total[name])
    return server, total[server]


# --- docs/searches.md -----------------------------------------------------------------------------


def test_the_rpcs_that_one_server_answered(sent_run: SentRun) -> None:
    server, answered = busiest(sent_run)
    found = documented(sent_run, "rpcs", POD=server)
    assert len(found) == answered
    for trace in found:
        assert {span["server.k8s.pod.name"] for span in spans(trace, "greeter-client")} == {server}
        assert len(spans(trace, "greeter-server")) == 1


def test_the_failed_rpcs_by_code(sent_run: SentRun) -> None:
    failed = sent_run.of(ABRUPT).errors.client_by_code["UNAVAILABLE"]
    found = documented(sent_run, "failed")
    assert len(found) == failed > 0
    for trace in found:
        codes = [span["rpc.grpc.status_code"] for span in spans(trace, "greeter-client")]
        assert codes == [UNAVAILABLE]
    unanswered = sum(sent_run.of(ABRUPT).errors.by_server.get("", {}).values())
    assert len(documented(sent_run, "unanswered")) == unanswered


def test_resolver_updates_and_those_that_changed_the_list(sent_run: SentRun) -> None:
    for setting in (ABRUPT, SWIFT):
        outcomes = sent_run.of(setting).adaptability.updates_by_outcome
        assert len(documented(sent_run, "updates", SETTING=setting)) == sum(outcomes.values())
        changed = documented(sent_run, "changed", SETTING=setting)
        assert len(changed) == outcomes["changed"] > 0
        for trace in changed:
            for span in spans(trace, "greeter-client"):
                assert json.loads(span["grpc_lb.resolver.added"]) or json.loads(
                    span["grpc_lb.resolver.removed"]
                )
    assert sent_run.of(SWIFT).adaptability.updates_by_outcome["unchanged"]


def test_connections_that_became_ready(sent_run: SentRun) -> None:
    found = documented(sent_run, "connected", SETTING=SWIFT)
    assert found
    states = {span["grpc_lb.subchannel.state"] for trace in found for span in spans(trace, "greeter-client")}
    assert states == {"ready"}


def test_the_changes_and_their_stages(sent_run: SentRun) -> None:
    settings = sent_run.result.settings
    added = documented(sent_run, "added")
    assert len(added) == sum(len(setting.adaptability.added) for setting in settings)
    assert len(documented(sent_run, "removed")) == sum(
        len(setting.adaptability.removed) for setting in settings
    )
    server = sent_run.of(SWIFT).adaptability.added[-1].server
    [found] = [t for t in added if spans(t, "lbstudy")[0]["server.k8s.pod.name"] == server]
    stages = {span.get("lbstudy.stage") for span in spans(found, "lbstudy")}
    assert {StageName.READY, StageName.PUBLISHED, StageName.UPDATE, StageName.FIRST_RPC} <= stages


def test_servers_that_were_not_discovered(sent_run: SentRun) -> None:
    found = documented(sent_run, "undiscovered")
    servers = [spans(trace, "lbstudy")[0]["server.k8s.pod.name"] for trace in found]
    assert servers == sent_run.of(ABRUPT).adaptability.undiscovered
    assert not sent_run.of(SWIFT).adaptability.undiscovered


def test_the_faults_and_the_servers_that_they_were_on(sent_run: SentRun) -> None:
    found = documented(sent_run, "faults")
    told = {
        (span["lbstudy.fault.label"], span["server.k8s.pod.name"])
        for trace in found
        for span in spans(trace, "lbstudy")
        if span["name"] == "fault on server"
    }
    faults = [fault for setting in sent_run.result.settings for fault in setting.faults]
    assert len(found) == len(faults) == 2
    assert told == {(fault.label, server) for fault in faults for server in fault.servers}


def test_from_a_slow_rpcs_exemplar_to_its_trace(sent_run: SentRun) -> None:
    found = get(
        f"{sent_run.stack.prometheus}/api/v1/query_exemplars",
        query=promql(sent_run, "exemplars"),
        start=f"{sent_run.zero - 10:.3f}",
        end=f"{sent_run.end + 10:.3f}",
    )["data"]
    exemplars = [one for series in found for one in series["exemplars"]]
    assert exemplars
    slowest = max(exemplars, key=lambda one: float(one["value"]))
    [trace] = get(f"{sent_run.stack.jaeger}/api/traces/{slowest['labels']['trace_id']}")["data"]
    [span] = [one for one in trace["spans"] if one["spanID"] == slowest["labels"]["span_id"]]
    assert trace["processes"][span["processID"]]["serviceName"] == "greeter-client"
    # The histogram and the span measure the same call, each in its own way.
    assert abs(span["duration"] / 1e6 - float(slowest["value"])) < 0.2


def promql(run: SentRun, name: str) -> str:
    text: str = DOCUMENTED["promql", name]
    return text.strip().replace("RUN", run.run_id)


@pytest.mark.parametrize("name", sorted(name for kind, name in DOCUMENTED if kind == "promql"))
def test_every_query_of_the_docs_has_an_answer(name: str, sent_run: SentRun) -> None:
    found = get(
        f"{sent_run.stack.prometheus}/api/v1/query_range",
        query=promql(sent_run, name),
        start=f"{sent_run.zero - 10:.3f}",
        end=f"{sent_run.end + 5:.3f}",
        step="1",
    )["data"]["result"]
    assert found


# --- the report's links ---------------------------------------------------------------------------


def links(run: SentRun) -> list[tuple[str, urllib.parse.SplitResult, dict[str, str]]]:
    """The report's links that lead out of it, each once: text, address, query."""
    found = []
    for href, text in sorted(set(re.findall(r'<a href="(http[^"]+)">(.*?)</a>', render_html(run.result)))):
        parts = urllib.parse.urlsplit(href.replace("&amp;", "&"))
        found.append((re.sub("<.*?>", "", text), parts, dict(urllib.parse.parse_qsl(parts.query))))
    return found


def test_every_search_that_the_report_links_to_finds_what_the_report_tells(sent_run: SentRun) -> None:
    kinds = set()
    for text, parts, query in links(sent_run):
        if parts.path != "/search":
            continue
        assert f"{parts.scheme}://{parts.netloc}" == sent_run.stack.jaeger
        tags = json.loads(query["tags"])
        setting = sent_run.of(tags["lbstudy.setting"])
        kind, wanted = expected(setting, text, query, tags)
        kinds.add(kind)
        assert len(traces(sent_run, **query)) == wanted, (kind, text, query)
    assert kinds == {"rpcs", "failed", "updates", "changed", "change"}


def expected(
    setting: SettingResult, text: str, query: Mapping[str, str], tags: Mapping[str, str]
) -> tuple[str, int]:
    """What kind of search it is, and how many traces it should find."""
    if query["service"] == "lbstudy":
        return "change", 1
    outcomes = setting.adaptability.updates_by_outcome
    if query.get("operation") == "grpc_lb.resolver.update":
        if "grpc_lb.resolver.changed" in tags:
            return "changed", outcomes["changed"]
        return "updates", sum(outcomes.values())
    if "rpc.grpc.status_code" in tags:
        if SERVER_POD in tags:
            return "failed", setting.errors.by_server[tags[SERVER_POD]][text]
        return "failed", setting.errors.client_by_code[text]
    return "rpcs", setting.distribution.total[text]


def test_every_trace_that_the_report_links_to_is_there_with_its_span(sent_run: SentRun) -> None:
    opened = 0
    for text, parts, query in links(sent_run):
        if parts.path.startswith("/trace/"):
            [trace] = get(f"{sent_run.stack.jaeger}/api{parts.path.replace('/trace/', '/traces/')}")["data"]
            assert trace["traceID"] == text
            assert query["uiFind"] in {span["spanID"] for span in trace["spans"]}
            opened += 1
    assert opened > len(sent_run.of(ABRUPT).errors.failures)


def test_every_query_that_the_report_links_to_can_be_asked(sent_run: SentRun) -> None:
    answered = set()
    for _, parts, query in links(sent_run):
        if parts.path != "/query":
            continue
        assert f"{parts.scheme}://{parts.netloc}" == sent_run.stack.prometheus
        for number in range(9):
            if f"g{number}.expr" not in query:
                break
            expr = query[f"g{number}.expr"]
            found = get(
                f"{sent_run.stack.prometheus}/api/v1/query_range",
                query=expr,
                start=f"{sent_run.zero - 5:.3f}",
                end=f"{sent_run.end + 5:.3f}",
                step=query[f"g{number}.res_step"],
            )["data"]["result"]
            told = {series["metric"].get("lbstudy_setting") for series in found} - {None}
            assert len(told) <= 1
            if found:
                answered.add(re.sub(f"{ABRUPT}|{SWIFT}", "", expr))
    asked = {
        re.sub(f"{ABRUPT}|{SWIFT}", "", value)
        for _, parts, query in links(sent_run)
        for key, value in query.items()
        if key.endswith(".expr")
    }
    # Each of them under one of the settings at least: one has errors, the other discoveries.
    assert answered == asked
