"""sweep.html: one offline document with the figures of the sweep."""

import numpy as np
from lbstudy.report.sweep import render_sweep
from lbstudy.result.model import Delay
from lbstudy.sweep.compare import check
from lbstudy.sweep.model import CountCheck, SweepResult

from tests.report import markup


def sample() -> SweepResult:
    draws = [[Delay(seconds=float(one)) for one in np.linspace(1, 9, 9) + change] for change in range(4)]
    quantity = check("time to detect", "from Ready", draws, draws, lateness=0, seed=0)
    assert quantity is not None
    return SweepResult(
        setting="<b>mine</b>",
        description="",
        scenario="4 times up",
        change="scale",
        changes=4,
        clients=9,
        seed=0,
        started="2026-11-24T15:00:00Z",
        command="lbstudy sweep mine",
        verdict="The model holds",
        agrees=True,
        quantities=[quantity],
        counts=[CountCheck(name="look-ups", measured=11.96, model=12.01)],
        setting_toml='name = "mine"',
        scenario_toml="",
    )


def test_it_is_one_document_with_the_verdict_and_nothing_from_outside() -> None:
    html = render_sweep(sample())
    markup.parse(html)

    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "The model holds" in html
    assert "<b>mine" not in html
    assert "the model is within 10 %" in html


def test_both_curves_are_drawn() -> None:
    html = render_sweep(sample())

    assert 'class="line measured"' in html
    assert 'class="line model"' in html
    assert "12.0" in html
