"""Every query of every dashboard, asked of a real Prometheus that holds a real run."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack.sent import ABRUPT, SWIFT, SentRun, get

GENERATED = sorted((Path(__file__).parents[2] / "grafana" / "generated").glob("*.json"))
LABEL_VALUES = re.compile(r"label_values\((?P<series>.+), *(?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: str
    query: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}, {self.query['refId']}"


def targets() -> Iterator[Target]:
    for path in GENERATED:
        for panel in json.loads(path.read_text())["panels"]:
            for query in panel["targets"]:
                yield Target(path.stem, panel["title"], query)


def filled(expr: str, run: SentRun, setting: str = ".*", server: str = ".*") -> str:
    """The query as Grafana asks it when these are chosen."""
    values = {
        "$__rate_interval": "4s",
        "$__range": f"{round(run.end - run.zero) + 30}s",
        "$namespace": ".*",
        "$service": ".*",
        "$run": run.run_id,
        "$setting": setting,
        "$server": server,
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    assert not re.search(r"\$[a-z_]", expr)  # $1 is label_replace's
    return expr


def ask(run: SentRun, expr: str, *, is_instant: bool = False) -> list[Any]:
    """The series that have a value, as Grafana gets them."""
    if is_instant:
        # Some time after the run, when its series have ended.
        data = get(f"{run.stack.prometheus}/api/v1/query", query=expr, time=f"{run.end + 20:.3f}")
    else:
        data = get(
            f"{run.stack.prometheus}/api/v1/query_range",
            query=expr,
            start=f"{run.zero - 10:.3f}",
            end=f"{run.end + 5:.3f}",
            step="1",
        )
    found: list[Any] = data["data"]["result"]
    return [
        series
        for series in found
        if any(number != "NaN" for _, number in series.get("values", [series.get("value", (0, "NaN"))]))
    ]


ELSEWHERE = {"Ready servers that tell nothing"}
"""Panels that are empty in a run, which knows all its servers; test_own_service.py has them."""


@pytest.mark.parametrize("target", [one for one in targets() if one.panel not in ELSEWHERE], ids=str)
def test_every_query_of_every_panel_returns_data(target: Target, sent_run: SentRun) -> None:
    expr = filled(target.query["expr"], sent_run)
    assert ask(sent_run, expr, is_instant=bool(target.query.get("instant"))), expr


@pytest.mark.parametrize("target", list(targets()), ids=str)
def test_every_query_is_about_the_run_and_the_setting_that_are_chosen(
    target: Target, sent_run: SentRun
) -> None:
    is_instant = bool(target.query.get("instant"))
    expr = target.query["expr"]
    chosen = filled(expr, sent_run, setting=sent_run.result.settings[0].name)
    found = ask(sent_run, chosen, is_instant=is_instant)
    settings = {series["metric"].get("lbstudy_setting") for series in found}
    assert settings <= {sent_run.result.settings[0].name, None}
    assert not ask(sent_run, filled(expr, sent_run, setting="no-such-setting"), is_instant=is_instant)
    assert not ask(sent_run, filled(expr.replace("$run", "no-such-run"), sent_run), is_instant=is_instant)


def test_what_is_of_single_servers_follows_the_servers_that_are_chosen(sent_run: SentRun) -> None:
    server = next(iter(sent_run.result.settings[0].distribution.total))
    followed = 0
    for target in targets():
        if "$server" in target.query["expr"]:
            expr = filled(target.query["expr"], sent_run, server=server)
            for series in ask(sent_run, expr, is_instant=bool(target.query.get("instant"))):
                pods = {series["metric"].get(of) for of in ("server_k8s_pod_name", "k8s_pod_name")}
                assert pods <= {server, None}, target
                followed += server in pods
    assert followed


def test_the_bars_are_the_counts_of_the_result(sent_run: SentRun) -> None:
    query = next(t.query for t in targets() if t.panel == "RPCs by server")
    found = {
        series["metric"]["server_k8s_pod_name"]: float(series["value"][1])
        for series in ask(sent_run, filled(query["expr"], sent_run), is_instant=True)
    }
    told = {
        server: float(count)
        for setting in sent_run.result.settings
        for server, count in setting.distribution.total.items()
        if count
    }
    assert found == told


def test_the_bars_of_errors_are_the_counts_of_the_result(sent_run: SentRun) -> None:
    for panel, of in (
        ("RPCs by code, clients", "client_by_code"),
        ("RPCs by code, servers", "server_by_code"),
    ):
        query = next(t.query for t in targets() if t.panel == panel)
        found = {
            (series["metric"]["lbstudy_setting"], series["metric"]["rpc_status_code"]): float(
                series["value"][1]
            )
            for series in ask(sent_run, filled(query["expr"], sent_run), is_instant=True)
        }
        told = {
            (s.name, code): n for s in sent_run.result.settings for code, n in getattr(s.errors, of).items()
        }
        assert found == told
    query = next(t.query for t in targets() if t.panel == "Failed RPCs by server")
    by_server: dict[str, dict[str, float]] = {}
    for series in ask(sent_run, filled(query["expr"], sent_run), is_instant=True):
        codes = by_server.setdefault(series["metric"]["server_k8s_pod_name"], {})
        codes[series["metric"]["rpc_status_code"]] = float(series["value"][1])
    failed: dict[str, Counter[str]] = {}
    for setting in sent_run.result.settings:
        for server, counts in setting.errors.by_server.items():
            failed.setdefault(server or "no server", Counter()).update(counts)
    assert by_server == failed


def test_bars_are_made_of_columns_that_the_query_returns(sent_run: SentRun) -> None:
    made = 0
    for path in GENERATED:
        for panel in json.loads(path.read_text())["panels"]:
            for one in panel.get("transformations", []):
                columns = {one["options"]["rowField"], one["options"]["columnField"]}
                assert panel["options"]["xField"] == "{rowField}\\{columnField}".format(**one["options"])
                for series in ask(sent_run, filled(panel["targets"][0]["expr"], sent_run), is_instant=True):
                    assert columns <= set(series["metric"])
                    made += 1
    assert made


def test_the_variables_offer_the_run_its_settings_and_all_its_servers(sent_run: SentRun) -> None:
    for path in GENERATED:
        offered = {}
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] != "query":
                continue
            asked = LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert asked
            offered[variable["name"]] = set(
                get(
                    f"{sent_run.stack.prometheus}/api/v1/label/{asked['label']}/values",
                    **{
                        "match[]": filled(asked["series"], sent_run),
                        "start": f"{sent_run.zero - 10:.3f}",
                        "end": f"{sent_run.end + 5:.3f}",
                    },
                )["data"]
            )
        assert "lbstudy" in offered["namespace"]
        assert "greeter-server" in offered["service"]
        assert sent_run.run_id in offered["run"]
        assert offered["setting"] == {setting.name for setting in sent_run.result.settings}
        assert offered["server"] == {s for setting in sent_run.result.settings for s in setting.servers}


def highest(run: SentRun, panel: str, setting: str) -> float | None:
    """The largest value that a panel shows of a setting."""
    found = [
        float(number)
        for target in targets()
        if target.panel == panel
        for series in ask(run, filled(target.query["expr"], run, setting=setting))
        for _, number in series["values"]
    ]
    return max(found, default=None)


def test_what_failed_and_what_was_not_discovered_is_seen_where_it_happened(sent_run: SentRun) -> None:
    failed = sum(n for code, n in sent_run.of(ABRUPT).errors.client_by_code.items() if code != "OK")
    assert failed
    assert not sum(n for code, n in sent_run.of(SWIFT).errors.client_by_code.items() if code != "OK")
    assert (highest(sent_run, "Error ratio", ABRUPT) or 0) > 0
    assert highest(sent_run, "Error ratio", SWIFT) == 0
    # All at once, when the server is killed: within the 5 s of the rate.
    assert highest(sent_run, "Failed RPC/s by code", ABRUPT) == pytest.approx(failed / 5)
    assert highest(sent_run, "Failed RPC/s by code", SWIFT) is None

    assert sent_run.of(ABRUPT).adaptability.undiscovered
    assert not sent_run.of(SWIFT).adaptability.undiscovered
    waited = highest(sent_run, "Ready servers that wait for their first RPC", ABRUPT) or 0
    assert waited > 1  # s: it is Ready for some 4 s
    assert highest(sent_run, "Time to detect, and time to discovery", ABRUPT) is None
    assert highest(sent_run, "Time to detect, and time to discovery", SWIFT) is not None


def test_scale_commands_are_annotated_with_the_number_of_servers(sent_run: SentRun) -> None:
    setting = sent_run.result.settings[0]
    for annotation in annotations("Scale commands"):
        told: dict[str, list[float]] = {}
        for series in ask(sent_run, filled(annotation["expr"], sent_run, setting=setting.name)):
            assert series["metric"]["lbstudy_setting"] == setting.name
            told.setdefault(series["metric"]["servers"], []).extend(float(at) for at, _ in series["values"])
        # At the first export that tells it; the gauge tells one number at a time.
        for change in setting.adaptability.changes:
            first = min(told[str(change.after)])
            assert -1 < first - (change.at + sent_run.zero) < 4


def test_dns_changes_are_annotated_at_their_very_instants(sent_run: SentRun) -> None:
    setting = sent_run.result.settings[0]
    kinds = {"published", "unpublished"}
    real = [e.at + sent_run.zero for e in setting.timeline.events if e.kind in kinds]
    for annotation in annotations("DNS changes"):
        assert annotation["useValueForTime"]
        series = ask(sent_run, filled(annotation["expr"], sent_run, setting=setting.name))
        told = {float(number) / 1000 for one in series for _, number in one["values"]}
        assert told
        for instant in told:
            assert min(abs(instant - at) for at in real) < 0.002


def test_faults_are_annotated_while_they_last(sent_run: SentRun) -> None:
    setting = sent_run.result.settings[0]
    (fault,) = setting.faults
    for annotation in annotations("Faults"):
        assert annotation["titleFormat"] == "{{lbstudy_fault_label}}"
        (series,) = ask(sent_run, filled(annotation["expr"], sent_run, setting=setting.name))
        assert series["metric"]["lbstudy_fault_label"] == fault.label
        # At the exports that tell it: one each second, and what an export takes.
        told = [float(at) - sent_run.zero for at, _ in series["values"]]
        assert fault.start - 1 < min(told) < fault.start + 4
        assert max(told) < fault.end + 4


def annotations(name: str) -> Iterator[dict[str, Any]]:
    for path in GENERATED:
        yield from (one for one in json.loads(path.read_text())["annotations"]["list"] if one["name"] == name)


def test_exemplars_lead_to_traces_that_jaeger_has(sent_run: SentRun) -> None:
    with_exemplars = [target for target in targets() if target.query.get("exemplar")]
    assert with_exemplars
    for target in with_exemplars:
        found = get(
            f"{sent_run.stack.prometheus}/api/v1/query_exemplars",
            query=filled(target.query["expr"], sent_run),
            start=f"{sent_run.zero - 10:.3f}",
            end=f"{sent_run.end + 5:.3f}",
        )["data"]
        exemplars = [one for series in found for one in series["exemplars"]]
        assert exemplars, target
        trace_id = exemplars[0]["labels"]["trace_id"]
        spans = get(f"{sent_run.stack.jaeger}/api/traces/{trace_id}")["data"][0]["spans"]
        assert exemplars[0]["labels"]["span_id"] in {span["spanID"] for span in spans}


def test_no_rule_failed_during_the_run(sent_run: SentRun) -> None:
    """A join that finds two where it may find one fails its rule; only the log tells, and for that time."""
    assert "rule failed" not in sent_run.stack.log("prometheus").read_text().lower()
