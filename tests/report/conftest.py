from collections.abc import Callable
from functools import cache

import pytest
from lbstudy.report.html import render_html
from lbstudy.result.model import Result

from tests.report import markup, sample


@cache
def _page(variant: str) -> tuple[Result, str, markup.Node]:
    result = sample.VARIANTS[variant]()
    html = render_html(result)
    return result, html, markup.parse(html)


@pytest.fixture(scope="session")
def page() -> Callable[[str], tuple[Result, str, markup.Node]]:
    """A sample's result, its HTML and the parsed HTML, made once."""
    return _page
