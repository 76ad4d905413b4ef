"""A comparison's figures as text, the same in words, on the page and on the terminal."""

from lbstudy.compare.model import Amount, Estimate, Figure, Measured
from lbstudy.result import figures
from lbstudy.result.model import NOT_OBSERVED


def amount(figure: Figure, value: Amount) -> str:
    """A value with its unit, as ``1.2 s``; ``> 20.0 s`` where more is all that is known."""
    return f"> {_number(figure, value.value)}" if value.more else _number(figure, value.value)


def median(figure: Figure, estimate: Estimate | None) -> str:
    """The median alone."""
    return figures.NONE if estimate is None else amount(figure, estimate.median)


def value(figure: Figure, measured: Measured, *, failed: bool = False) -> str:
    """The median of a setting's figure, or why there is none: failed, not observed, nothing to measure."""
    if measured.estimate is not None:
        return median(figure, measured.estimate)
    if failed:
        return "failed"
    return figures.NONE if measured.not_observed is None else NOT_OBSERVED


def units(measured: Measured) -> str:
    """How many changes or runs gave a value, as ``(4)``; it says so where not all of them could be seen."""
    if measured.estimate is None:
        return ""
    partly = "" if measured.not_observed is None else f", others {NOT_OBSERVED}"
    return f"({measured.estimate.units}{partly})"


def interval(figure: Figure, estimate: Estimate | None) -> str:
    """The interval alone, as ``0.9 s to 1.4 s``; empty where there is none to tell."""
    if estimate is None or estimate.units < 2 or estimate.low.more:
        return ""  # with no value but "more than", there is no interval either
    low, high = amount(figure, estimate.low), amount(figure, estimate.high)
    return low if low == high else f"{low} to {high}"


def both(figure: Figure, estimate: Estimate | None) -> str:
    """The median, and its interval in brackets where it is another text."""
    middle, around = median(figure, estimate), interval(figure, estimate)
    return middle if around in {"", middle} else f"{middle} ({around})"


def per(figure: Figure) -> str:
    """What a figure's values are for each of, to be said after its label or a value; mostly nothing."""
    return " per minute and client" if figure.unit == "per minute" else ""


def _number(figure: Figure, value: float) -> str:
    match figure.unit:
        case "s":
            return figures.seconds(value)
        case "ratio":
            return f"{value * 100:.0f} %"
        case "RPCs" | "streams" | "connections":
            return f"{value:,.0f}"
        case "per minute":
            return f"{value:,.1f}"
