"""A sweep as one offline HTML file."""

from lbstudy.report.charts.distribution_function import distribution_functions
from lbstudy.report.html import environment, style, style_hash
from lbstudy.sweep.model import SweepResult


def render_sweep(sweep: SweepResult) -> str:
    """Render the page in UTF-8; everything from outside is escaped."""
    return (
        environment()
        .get_template("sweep.html")
        .render(
            sweep=sweep,
            charts=[
                (quantity, distribution_functions(quantity, sweep.setting)) for quantity in sweep.quantities
            ],
            style=style(),
            style_hash=style_hash(),
        )
    )
