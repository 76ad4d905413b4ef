"""SVG elements as escaped text."""

from typing import TypeAlias

from markupsafe import Markup, escape

Attribute: TypeAlias = str | float | None


def number(value: float) -> str:
    """Format a coordinate, to a hundredth."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def percent(fraction: float) -> str:
    """Format a fraction of the width for SVG."""
    return f"{number(fraction * 100)}%"


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """Return one element; ``class_`` is written class, ``text_anchor`` text-anchor; None omits an attribute.

    Children that are not Markup, and all attributes, are escaped.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else number(value)
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    if not children:
        return Markup("".join([*parts, "/>"]))  # noqa: S704  # every part was escaped above
    inner = "".join(escape(child) for child in children)
    return Markup("".join([*parts, ">", inner, f"</{tag}>"]))  # noqa: S704  # the same


def text(content: str, x: str | float, y: float, class_: str = "", anchor: str = "start") -> Markup:
    """Return a label with its baseline at y."""
    return element(
        "text",
        content,
        x=x,
        y=y,
        class_=class_ or None,
        text_anchor=None if anchor == "start" else anchor,
    )


def tooltip(content: str) -> Markup:
    """Return what is shown when the pointer is over the parent, and what a screen reader reads."""
    return element("title", content)


def join(parts: list[Markup]) -> Markup:
    """Join several elements."""
    return Markup("").join(parts)
