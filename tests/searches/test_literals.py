"""Names in queries stand for themselves only."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from lbstudy.searches.prometheus import literal


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.text(max_size=5))
def test_a_name_matches_itself_and_nothing_else(name: str, other: str) -> None:
    # Between PromQL's double quotes, backslashes escape as between JSON's.
    pattern = re.compile(json.loads(f'"{literal(name)}"'))
    assert pattern.fullmatch(name)
    assert (pattern.fullmatch(other) is not None) == (other == name)
