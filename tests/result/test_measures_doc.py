from pathlib import Path

from lbstudy.result.expectations import MEASURES


def test_the_documentation_lists_every_measure_that_can_be_expected() -> None:
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    listed = page.partition("| measure | unit | meaning |")[2].strip().splitlines()[1:]
    assert listed == [f"| `{m.name}` | {m.unit} | {m.meaning} |" for m in MEASURES.values()]
