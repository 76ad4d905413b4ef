"""What a comparison says of an earlier one: only what lies beyond the intervals of both."""

from lbstudy.compare.against import against, sentences
from lbstudy.compare.model import Comparison
from lbstudy.report.compare_html import render_comparison
from lbstudy.report.compare_markdown import render_markdown

from tests.compare.made_up import comparison, setting


def found(base: float, versions: dict[str, str], name: str = "stock") -> Comparison:
    """Four runs in which an added server is discovered after ``base`` to ``base`` + 0.9 s."""
    runs = [setting(name, discovery=(base + i * 0.3,)) for i in range(4)]
    return comparison({name: runs}).model_copy(update={"versions": versions})


BEFORE = found(10.0, {"grpcio": "1.84.0", "python": "3.11.7"})
SOONER = found(2.0, {"grpcio": "1.85.1", "python": "3.11.7"})


def test_a_figure_beyond_both_intervals_has_moved() -> None:
    told = against(SOONER, BEFORE)

    moved = {(one.setting, one.scenario, one.figure): one.is_better for one in told.moved}
    # The time to detect is half of that to discover in these results.
    assert moved == {("stock", "compare", "discovery"): True, ("stock", "compare", "detect"): True}
    assert told.versions == {"grpcio": ("1.84.0", "1.85.1")}
    back = against(BEFORE, SOONER)
    assert [one.is_better for one in back.moved] == [False, False]


def test_within_the_intervals_nothing_has_moved() -> None:
    again = found(10.3, {"grpcio": "1.84.0", "python": "3.11.7"})

    told = against(again, BEFORE)

    assert told.moved == []
    assert told.compared > 0
    held = again.model_copy(update={"against": told})
    assert sentences(held) == [
        f"None of {told.compared} figures is shown to have moved since {BEFORE.plan.started}."
    ]


def test_what_only_one_of_them_has_is_named() -> None:
    told = against(found(2.0, {}, name="mine"), BEFORE)

    assert (told.only_now, told.only_before) == (["mine in compare"], ["stock in compare"])
    assert (told.moved, told.compared) == ([], 0)


def test_every_view_tells_it() -> None:
    held = SOONER.model_copy(update={"against": against(SOONER, BEFORE)})

    said = sentences(held)

    assert said[0] == (
        "stock in compare: until a new server gets its first request: 10.3 s (10.0 s to 10.9 s) before,"
        " 2.3 s (2.0 s to 2.9 s) now (better)"
    )
    assert "Other versions: grpcio 1.84.0 → 1.85.1." in said
    for page in (render_markdown(held), render_comparison(held)):
        assert "until a new server gets its first request: 10.3 s (10.0 s to 10.9 s) before" in page
    assert "Against the earlier comparison" not in render_markdown(SOONER)
