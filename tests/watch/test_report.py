"""The study's report of a watch: what it leaves out it says in a line, and none of its tables is empty."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from lbstudy.report.html import render_html
from lbstudy.report.json import write_json
from lbstudy.report.schemas import json_schema

from tests.watch.recorded import Watched
from tests.watch.test_lane import BUSY, NEW
from tests.watch.told import of_counters

SPANS = Watched([*BUSY, *NEW])
COUNTERS = Watched([*of_counters(), *NEW])
NOTHING = Watched()


@pytest.mark.parametrize("watched", [SPANS, COUNTERS, NOTHING], ids=["spans", "counters", "nothing"])
def test_no_table_of_it_is_empty_and_none_speaks_of_a_load(watched: Watched) -> None:
    page = render_html(watched.result())
    assert not re.search(r"<tbody>\s*</tbody>", page)
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    for word in ("scale command", "since the load", "offered", "seed", "whole run", "None", "nan"):
        assert not re.search(rf"\b{word}\b", text), word
    assert text.count("Left out:") == 2
    assert "s since the watch began" in text


def test_the_page_says_what_each_source_has_and_lacks() -> None:
    page = render_html(SPANS.result())
    assert re.search(r"Sources of evidence.*Prometheus.*2 counters", page, re.DOTALL)
    assert "lbstudy watch shop/orders" in page
    assert "2 → 3 servers" in page


def test_result_json_is_a_result(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(SPANS.result(), path)
    found = json.loads(path.read_text())
    jsonschema.validate(found, json_schema("result"))
    assert (found["provenance"]["made_by"], found["provenance"]["seed"]) == ("watch", None)
    assert found["settings"][0]["is_live"]
    assert found["provenance"]["duration"] == SPANS.lasted


def test_that_nobody_called_a_server_is_said_only_where_every_request_is_known() -> None:
    told = [result.result().verdict.headline for result in (SPANS, COUNTERS)]
    assert told == [
        "shop/orders: no request to the added server was observed (watched 77 s).",
        "shop/orders: the added server never got a request (watched 77 s).",
    ]
