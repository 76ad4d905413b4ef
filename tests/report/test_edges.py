"""Results with little or nothing in them still give a whole page and a summary."""

import io

import pytest
from lbstudy.report.html import render_html
from lbstudy.report.terminal import print_summary
from lbstudy.result.model import (
    Histogram,
    Result,
    SettingResult,
)
from rich.console import Console

from tests.making import results as making
from tests.report import markup, sample


def bare() -> SettingResult:
    """A setting in which nothing was observed at all."""
    full = sample.no_rpcs().settings[0]
    return making.setting(
        full.name,
        description=full.description,
        options=full.options,
        latency=full.latency.model_copy(update={"histogram": Histogram(bounds=[], counts=[])}),
    )


def never_ready() -> Result:
    """Servers were asked for, and none became Ready."""
    result = sample.result()
    setting = result.settings[0]
    added = [
        a.model_copy(update={"ready": None, "stages": a.stages[:2], "clients": [], "fair_share": None})
        for a in setting.adaptability.added
    ]
    adaptability = setting.adaptability.model_copy(update={"added": added})
    return result.model_copy(update={"settings": [setting.model_copy(update={"adaptability": adaptability})]})


@pytest.mark.parametrize(
    "result",
    [
        sample.no_rpcs().model_copy(update={"settings": []}),
        sample.no_rpcs().model_copy(update={"settings": [bare()]}),
        sample.result().model_copy(update={"settings": [bare(), sample.result().settings[1]]}),
        never_ready(),
    ],
    ids=["no settings", "nothing observed", "nothing observed beside something", "never Ready"],
)
def test_renders(result: Result) -> None:
    root = markup.parse(render_html(result))
    assert len(root.find("h2")) == 8
    assert len(root.find("figure", class_="side")) == 4 * len(result.settings)
    file = io.StringIO()
    print_summary(result, Console(file=file, width=80))
    assert "ledger closes" in file.getvalue()


def test_a_server_that_was_never_ready_is_called_so() -> None:
    html = render_html(never_ready())
    assert html.count("never Ready") == 3
