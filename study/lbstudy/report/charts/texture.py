"""The patterns that distinguish servers of one colour."""

from markupsafe import Markup

from lbstudy.report.charts import svg


def definitions() -> Markup:
    """Return the patterns, once a page; each is drawn over a colour, in the colour of the page."""
    line = {"class_": "texture-line"}
    return svg.join(
        [
            _pattern("texture-1", svg.element("path", d="M0,8L8,0M-2,2L2,-2M6,10L10,6", **line)),
            _pattern("texture-2", svg.element("circle", cx=4, cy=4, r=1.6, class_="texture-dot")),
            _pattern("texture-3", svg.element("path", d="M0,0L8,8M0,8L8,0", **line)),
        ]
    )


def _pattern(name: str, mark: Markup) -> Markup:
    return svg.element("pattern", mark, id=name, width=8, height=8, patternUnits="userSpaceOnUse")
