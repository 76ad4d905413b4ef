"""Figures as text: one function for each kind of number in a report, with its unit."""

from lbstudy.result.model import NOT_OBSERVED, Delay, Stage

NONE = "–"
"""Shown if there is no figure."""


def seconds(value: float | None) -> str:
    """Format a duration in seconds: ``21.6 ms``, ``320 ms`` or ``3.2 s``."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 1:
        return f"{value:,.1f} s"
    return f"{value * 1000:.1f} ms" if 0 < size < 0.1 else f"{value * 1000:.0f} ms"


def signed(value: float) -> str:
    """Format a time between two instants: ``+3.2 s``."""
    return f"{'−' if value < 0 else '+'}{seconds(abs(value))}"


def stage(value: Stage, base: float) -> str:
    """Format when a stage was reached, from an instant on, with its bound of error: ``+3.2 s ± 4.0 ms``.

    A stage that was reported before an earlier stage says so.
    """
    if value.not_observed:
        return NOT_OBSERVED
    if value.at is None:
        return NONE
    bound = "" if value.error is None else f" ± {seconds(value.error)}"
    return f"{signed(value.at - base)}{bound}{' (told early)' if value.early else ''}"


def delay(value: Delay | None) -> str:
    """Format a delay: ``3.2 s``; a censored one as ``> 31.7 s``; or ``not observed``."""
    return NONE if value is None else str(value)


def instant(value: float | None) -> str:
    """Format an instant in seconds since the load began, to the millisecond."""
    return NONE if value is None else f"{value:.3f} s"


def moment(value: float) -> str:
    """Format about when something happened, to a tenth of a second, without the unit."""
    return tick(round(value, 1))


def count(value: int | None) -> str:
    """Format a number of things, with separated thousands; ``not observed`` if nobody counted them."""
    return NOT_OBSERVED if value is None else f"{value:,}"


def percent(ratio: float | None) -> str:
    """Format a ratio from 0 to 1 in per cent; a small one other than 0 is never shown as 0."""
    if ratio is None:
        return NONE
    if 0 < abs(ratio) < 0.001:
        return f"{ratio:.3%}".replace("%", " %")
    return f"{ratio:.1%}".replace("%", " %")


def rate(value: float | None) -> str:
    """Format RPCs a second."""
    return NONE if value is None else f"{value:,.1f} RPC/s"


def index(value: float | None) -> str:
    """Format a number without a unit, to three digits."""
    return NONE if value is None else f"{value:.3f}"


def p_value(value: float | None) -> str:
    """Format a probability; a very small one as a bound."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def cores(value: float | None) -> str:
    """Format CPU use in thousandths of a core."""
    return NONE if value is None else f"{value * 1000:,.1f} mcore"


def memory(value: float | None) -> str:
    """Format bytes in MB (10^6)."""
    return NONE if value is None else f"{value / 1e6:,.1f} MB"


def tick(value: float) -> str:
    """Format an axis's number, as short as possible."""
    return f"{value:.6g}"
