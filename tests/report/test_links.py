"""The report's links into Jaeger and Prometheus: there when the run was sent, and only then."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from lbstudy.report.html import render_html
from lbstudy.result.model import Provenance, Result
from lbstudy.searches.prometheus import literal
from pydantic import ValidationError

from tests.report import markup, sample

JAEGER = "http://127.0.0.1:16686"
PROMETHEUS = "http://127.0.0.1:9090/prom/"


def sent(result: Result, **urls: str) -> Result:
    told = urls or {"jaeger_url": JAEGER, "prometheus_url": PROMETHEUS}
    return result.model_copy(update={"provenance": result.provenance.model_copy(update=told)})


def links(result: Result) -> list[tuple[str, str]]:
    """Text and address of each link that leads out of the page."""
    page = markup.parse(render_html(result))
    found = [(node.text(), node.attributes["href"]) for node in page.find("a")]
    return [(text, href) for text, href in found if not href.startswith(("#", "data:"))]


def searches(found: list[tuple[str, str]]) -> list[tuple[str, dict[str, str]]]:
    """Text of each link to a search in Jaeger, and the search."""
    asked = []
    for text, href in found:
        parts = urlsplit(href)
        if parts.path == "/search":
            asked.append((text, {key: value for key, [value] in parse_qs(parts.query).items()}))
    return asked


@pytest.fixture(scope="module")
def result() -> Result:
    return sent(sample.VARIANTS[next(iter(sample.VARIANTS))]())


@pytest.fixture(scope="module")
def linked(result: Result) -> list[tuple[str, str]]:
    """The links of that result's report."""
    return links(result)


@pytest.mark.parametrize("variant", sample.VARIANTS)
def test_without_a_stack_there_is_no_link(variant: str) -> None:
    assert not links(sample.VARIANTS[variant]())


@pytest.mark.parametrize("variant", sample.VARIANTS)
def test_every_variant_renders_with_links(variant: str) -> None:
    result = sent(sample.VARIANTS[variant]())
    for _, href in links(result):
        assert href.startswith((f"{JAEGER}/", PROMETHEUS))
        assert "//" not in urlsplit(href).path


def test_with_one_of_the_two_only_its_links_are_there(result: Result) -> None:
    bare = sample.VARIANTS[next(iter(sample.VARIANTS))]()
    assert {urlsplit(href).path.split("/")[1] for _, href in links(sent(bare, jaeger_url=JAEGER))} == {
        "search",
        "trace",
    }
    only = links(sent(bare, prometheus_url=PROMETHEUS))
    assert {urlsplit(href).path for _, href in only} == {"/prom/query"}


def test_every_server_leads_to_the_rpcs_that_it_answered(
    result: Result, linked: list[tuple[str, str]]
) -> None:
    found = searches(linked)
    for setting in result.settings:
        for server in setting.servers:
            tags = {
                "lbstudy.run.id": result.provenance.run_id,
                "lbstudy.setting": setting.name,
                "server.k8s.pod.name": server,
            }
            assert any(
                text == server
                and search["service"] == "greeter-client"
                and json.loads(search["tags"]) == tags
                for text, search in found
            ), server


def test_every_code_but_ok_leads_to_the_rpcs_that_failed_with_it(
    result: Result, linked: list[tuple[str, str]]
) -> None:
    found = [
        (text, json.loads(search["tags"]))
        for text, search in searches(linked)
        if "rpc.grpc.status_code" in search["tags"]
    ]
    failed = {
        (setting.name, code)
        for setting in result.settings
        for code in setting.errors.client_by_code
        if code != "OK"
    }
    assert failed
    assert {(tags["lbstudy.setting"], text) for text, tags in found} == failed
    assert {tags["rpc.grpc.status_code"] for text, tags in found if text == "UNAVAILABLE"} <= {"14"}


def test_every_change_leads_to_its_trace(result: Result, linked: list[tuple[str, str]]) -> None:
    found = [
        (search["operation"], json.loads(search["tags"])["server.k8s.pod.name"])
        for text, search in searches(linked)
        if search["service"] == "lbstudy"
    ]
    told = [("server added", a.server) for s in result.settings for a in s.adaptability.added] + [
        ("server removed", r.server) for s in result.settings for r in s.adaptability.removed
    ]
    assert sorted(found) == sorted(told)


def test_updates_and_those_that_changed_something_can_be_searched(
    result: Result, linked: list[tuple[str, str]]
) -> None:
    updates = [
        (text, json.loads(search["tags"]))
        for text, search in searches(linked)
        if search.get("operation") == "grpc_lb.resolver.update"
    ]
    assert {tags["lbstudy.setting"] for text, tags in updates if text == "Resolver updates"} == {
        setting.name for setting in result.settings
    }
    assert {tags.get("grpc_lb.resolver.changed") for text, tags in updates if text == "changed"} == {"true"}


def test_every_span_that_is_named_can_be_opened(result: Result, linked: list[tuple[str, str]]) -> None:
    told = {
        (link.trace_id, link.span_id)
        for setting in result.settings
        for link in [
            *(event.link for event in setting.timeline.events),
            *(failure.link for failure in setting.errors.failures),
        ]
        if link
    }
    assert told
    found = set()
    for text, href in linked:
        parts = urlsplit(href)
        if parts.path.startswith("/trace/"):
            assert parts.path == f"/trace/{text}"
            found.add((text, parse_qs(parts.query)["uiFind"][0]))
    assert found == told


def test_every_section_with_charts_leads_to_queries_about_its_setting(
    result: Result, linked: list[tuple[str, str]]
) -> None:
    queries = [
        value
        for text, href in linked
        if text == "in Prometheus"
        for key, [value] in parse_qs(urlsplit(href).query).items()
        if re.fullmatch(r"g\d\.expr", key)
    ]
    for setting in result.settings:
        of_setting = [query for query in queries if f'lbstudy_setting=~"{literal(setting.name)}"' in query]
        for measure in (
            "server:rpc_answered:rate",
            "lane:fair_share",
            "lane:coverage",
            "histogram_quantile(0.99",
            "lane:rpc_errors:ratio",
            "server:time_to_discovery:seconds",
            "server:cpu_cores:rate",
            "server:memory_usage:bytes",
            "server:inactivity_age:seconds",
        ):
            assert any(measure in query for query in of_setting), measure
    assert all(literal(result.provenance.run_id) in query for query in queries)


def test_the_time_of_a_search_holds_the_run(result: Result, linked: list[tuple[str, str]]) -> None:
    from datetime import datetime

    zero = datetime.fromisoformat(result.provenance.started).timestamp()
    for _, search in searches(linked):
        assert int(search["start"]) / 1e6 < zero
        assert int(search["end"]) / 1e6 > zero + result.provenance.duration


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "//host"])
@pytest.mark.parametrize("field", ["jaeger_url", "prometheus_url"])
def test_only_http_is_linked_to(result: Result, field: str, url: str) -> None:
    told = result.provenance.model_dump() | {field: url}
    with pytest.raises(ValidationError, match=field):
        Provenance.model_validate(told)
