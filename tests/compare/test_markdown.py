"""A comparison as Markdown: the figures of the model, in tables that are tables."""

from pathlib import Path

import pytest
from lbstudy.compare import text
from lbstudy.compare.model import Comparison, Standing
from lbstudy.report.compare_markdown import render_markdown

from tests.compare.made_up import comparison, setting

ANSWERS = Path(__file__).parents[2] / "docs" / "answers"
FAST = [setting("fast", discovery=(1 + i / 10,)) for i in range(4)]
NEVER = [setting("never", discovery=(None,), lost=(0, 5 + i)) for i in range(4)]


def tables(markdown: str) -> list[list[list[str]]]:
    """Every table's rows, the one below its head left out."""
    blocks = [block.splitlines() for block in markdown.split("\n\n") if block.startswith("|")]
    rows = [[line.strip("| ").split(" | ") for line in block] for block in blocks]
    assert all(len(row) == len(block[0]) for block in rows for row in block)
    return [[block[0], *block[2:]] for block in rows]


def test_a_table_has_what_tells_settings_apart_and_the_rest_is_named() -> None:
    found = comparison({"never": NEVER, "fast": FAST})
    markdown = render_markdown(found)

    (head, never, fast), *_ = tables(markdown)
    assert found.headline in markdown
    assert all(f"- {answer}\n" in f"{markdown}\n" for answer in found.answers)
    assert (
        fast[head.index("until a new server gets its first request")] == "**1.1 s** ✓<br>1.0 s to 1.3 s (4)"
    )
    assert never[head.index("until a new server gets its first request")] == "**> 20.0 s** ✗<br>(4)"
    for place, figure in enumerate(found.figures):
        measured = [cell.figures[place] for cell in found.cells]
        if any(one.standing is not Standing.SAME for one in measured):
            middle = f"**{text.median(figure, found.cell('fast', 'compare').figures[place].estimate)}**"
            assert middle in fast[head.index(figure.label)]
        elif any(one.estimate for one in measured):
            assert figure.label not in head
            assert figure.label in markdown.partition("No difference shown: ")[2]


def test_a_setting_of_which_every_run_failed_has_its_row() -> None:
    found = comparison(
        {"fast": FAST, "never": NEVER, "x": [setting("x")] * 4}, failed=dict.fromkeys(range(4), "no")
    )

    assert "0 of 4 runs" in render_markdown(found)


def test_names_are_not_taken_for_markdown() -> None:
    odd = [setting("<b>_x_|y", discovery=(1 + i / 10,)) for i in range(4)]
    markdown = render_markdown(comparison({"never": NEVER, "<b>_x_|y": odd}))

    assert "| &lt;b>\\_x\\_\\|y |" in markdown


@pytest.mark.parametrize(("page", "data"), [("README", "comparison"), ("languages", "languages")])
def test_the_answers_in_docs_are_those_of_the_comparison_beside_them(page: str, data: str) -> None:
    kept = Comparison.model_validate_json((ANSWERS / f"{data}.json").read_text(encoding="utf-8"))

    assert kept.is_whole
    assert render_markdown(kept) in (ANSWERS / f"{page}.md").read_text(encoding="utf-8")


def test_the_table_of_languages_is_that_of_the_comparison_beside_it() -> None:
    kept = Comparison.model_validate_json((ANSWERS / "languages.json").read_text(encoding="utf-8"))
    rows = tables((ANSWERS / "languages.md").read_text(encoding="utf-8"))[0][1:]
    places = {figure.key: place for place, figure in enumerate(kept.figures)}
    shown = [
        *(("scale-up", "discovery"), ("restart", "discovery"), ("restart", "failed.replaced")),
        *(("restart", "failed.stop on 1 server"), ("restart", "failed.kill on 1 server")),
    ]

    for compared, row in zip(kept.settings, rows, strict=True):
        for (scenario, key), told in zip(shown, row[1:], strict=True):
            measured = kept.cell(compared.name, scenario).figures[places[key]]
            assert told == text.both(kept.figures[places[key]], measured.estimate)
