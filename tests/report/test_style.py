"""The palette keeps its contrast, light and dark (WCAG 2.2: 4.5:1 for text, 3:1 for what is drawn)."""

import re
from importlib import resources

import pytest

CSS = resources.files("lbstudy.report").joinpath("style.css").read_text(encoding="utf-8")
WAITS = ("interval", "backoff", "look", "turn", "held")
_ROOTS = re.findall(r":root \{(.*?)\n\s*\}", CSS, re.DOTALL)


def scheme(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in _ROOTS[: 1 if name == "light" else 2]:
        found |= dict(re.findall(r"--([\w-]+): ([^;]+);", block))
    while references := {k: found[v[6:-1]] for k, v in found.items() if v.startswith("var(")}:
        found |= references
    return found


def luminance(colour: str) -> float:
    assert re.fullmatch("#[0-9a-f]{6}", colour), colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_can_be_read(name: str) -> None:
    colours = scheme(name)
    for text in ("text", "muted", "good", "bad", "link"):
        assert contrast(colours[text], colours["page"]) >= 4.5, text
    for text in ("text", "bad"):
        assert contrast(colours[text], colours["bad-page"]) >= 4.5, text
    for i in range(8):
        assert contrast(colours[f"on{i}"], colours[f"s{i}"]) >= 4.5, f"number on server colour {i}"


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_is_drawn_can_be_seen(name: str) -> None:
    colours = scheme(name)
    for drawn in [
        *(f"s{i}" for i in range(8)),
        "pod",
        "connect",
        "first",
        "dns",
        "wait-line",
        *WAITS,
        "strong",
    ]:
        assert contrast(colours[drawn], colours["page"]) >= 3, drawn


@pytest.mark.parametrize("name", ["light", "dark"])
def test_neighbours_differ_in_lightness_too(name: str) -> None:
    """Who sees no hue tells neighbouring bands apart all the same."""
    colours = scheme(name)
    for i in range(8):
        assert contrast(colours[f"s{i}"], colours[f"s{(i + 1) % 8}"]) >= 1.35, i


def test_dark_changes_every_colour_that_is_drawn() -> None:
    light, dark = scheme("light"), scheme("dark")
    same = {k for k in light if k[0] != "o" and light[k] == dark[k]}
    assert not same
