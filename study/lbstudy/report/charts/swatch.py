"""A server's key in legends and tables: its number on its colour."""

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.palette import ServerLook

WIDTH, HEIGHT = 24.0, 16.0


def swatch(look: ServerLook) -> Markup:
    """Return the key, as wide as three digits."""
    shape = {"width": WIDTH, "height": HEIGHT, "rx": 3.0}
    parts = [svg.element("rect", **shape, class_=f"area {look.colour}")]
    if look.texture is not None:
        parts.append(svg.element("rect", **shape, fill=f"url(#{look.texture})"))
    parts.append(svg.text(str(look.number), WIDTH / 2, 12, f"on {look.colour}", "middle"))
    return svg.element(
        "svg",
        *parts,
        class_="swatch",
        role="img",
        aria_label=f"server {look.number}",
        width=WIDTH,
        height=HEIGHT,
    )
