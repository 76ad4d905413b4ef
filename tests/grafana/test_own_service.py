"""Every query of every dashboard, asked of a real Prometheus that holds a service which never saw a run."""

import json
import re
from typing import Any

import pytest

from tests.grafana.test_queries import GENERATED, LABEL_VALUES, Target, targets
from tests.stack.own_service import EVERY, OwnService
from tests.stack.pod import get

CHOSEN = {"$namespace": "shop", "$service": "orders", "$run": ".*", "$setting": ".*", "$server": ".*"}


def filled(expr: str, own: OwnService, **chosen: str) -> str:
    """The query as Grafana asks it when these are chosen."""
    # Its data source is told how often pods export: the rate's interval is four of that.
    values = {
        "$__rate_interval": f"{4 * EVERY}s",
        "$__range": f"{round(own.ended - own.began)}s",
        **CHOSEN,
        **{f"${name}": value for name, value in chosen.items()},
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    assert not re.search(r"\$[a-z_]", expr)
    return expr


def ask(own: OwnService, query: dict[str, Any], **chosen: str) -> list[Any]:
    """The series that have a number, as Grafana gets them."""
    expr = filled(query["expr"], own, **chosen)
    if query.get("instant"):
        answer = get(f"{own.stack.prometheus}/api/v1/query", query=expr, time=f"{own.ended:.3f}")
    else:
        answer = get(
            f"{own.stack.prometheus}/api/v1/query_range",
            query=expr,
            start=f"{own.began:.3f}",
            end=f"{own.ended + 1:.3f}",  # not a step before the last export that was awaited
            step="1",
        )
    found: list[Any] = answer["data"]["result"]
    return [
        series
        for series in found
        if any(number != "NaN" for _, number in series.get("values", [series.get("value", (0, "NaN"))]))
    ]


def of(panel: str) -> list[dict[str, Any]]:
    return [target.query for target in targets() if target.panel == panel]


CAPACITY = {"Mean against hottest", "Capacity in use"}
"""Of a capacity, which only a run's scenario gives to servers."""
STREAMS = {"Messages of streams by server", "Streams that ended, by code"}
"""Of streams, which this service has not."""
ELSEWHERE = CAPACITY | STREAMS | {"p99 of servers that are new"}  # 10 s, less than from an export to the next
"""Panels that are empty here; test_queries.py has them."""


@pytest.mark.parametrize("target", [one for one in targets() if one.panel not in ELSEWHERE], ids=str)
def test_every_query_of_every_panel_returns_data(target: Target, own_service: OwnService) -> None:
    assert ask(own_service, target.query), target.query["expr"]


@pytest.mark.parametrize("target", list(targets()), ids=str)
def test_every_query_is_about_the_service_that_is_chosen(target: Target, own_service: OwnService) -> None:
    for series in ask(own_service, target.query):
        lane = {label: series["metric"].get(label) for label in ("namespace", "service")}
        assert lane in ({"namespace": "shop", "service": "orders"}, {"namespace": None, "service": None})
        assert not {"lbstudy_run_id", "lbstudy_setting"} & set(series["metric"])
    assert not ask(own_service, target.query, service="another")
    assert not ask(own_service, target.query, namespace="another")


def test_the_variables_offer_the_service_and_its_servers(own_service: OwnService) -> None:
    for path in GENERATED:
        offered = {}
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                asked = LABEL_VALUES.fullmatch(variable["query"]["query"])
                assert asked
                offered[variable["name"]] = get(
                    f"{own_service.stack.prometheus}/api/v1/label/{asked['label']}/values",
                    **{
                        "match[]": filled(asked["series"], own_service),
                        "start": f"{own_service.began:.3f}",
                        "end": f"{own_service.ended:.3f}",
                    },
                )["data"]
        assert offered == {
            "namespace": ["shop"],
            "service": ["orders"],
            "run": [],
            "setting": [],
            "server": ["orders-a", "orders-b"],
        }


def test_shares_and_errors_are_what_the_clients_did(own_service: OwnService) -> None:
    """One call in ten is refused; at first one server of three Ready ones had all."""
    (ratio,) = ask(own_service, of("Error ratio")[0])
    assert float(ratio["values"][-1][1]) == pytest.approx(0.1, abs=0.03)
    (deviation,) = ask(own_service, of("Largest deviation from the fair share")[0])
    assert max(float(value) for _, value in deviation["values"]) == pytest.approx(2.0)  # (1 − 1/3) ÷ 1/3
    (missing,) = ask(own_service, of("Ready servers that a client does not know")[0])
    assert max(float(value) for _, value in missing["values"]) == 2  # orders-b and orders-c
