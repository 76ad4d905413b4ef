"""Figures as text: every number that a report shows is written by one of these, with its unit."""

from lbstudy.result.model import Delay, Stage

NONE = "–"
"""What stands where there is no figure."""


def seconds(value: float | None) -> str:
    """A duration in seconds, as ``21.6 ms``, ``320 ms`` or ``3.2 s``."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 1:
        return f"{value:,.1f} s"
    return f"{value * 1000:.1f} ms" if 0 < size < 0.1 else f"{value * 1000:.0f} ms"


def signed(value: float) -> str:
    """A time from one instant to another, as ``+3.2 s``."""
    return f"{'−' if value < 0 else '+'}{seconds(abs(value))}"


def stage(value: Stage, base: float) -> str:
    """When a stage was reached, from an instant on, with its bound of error, as ``+3.2 s ± 4.0 ms``.

    One that was told before a stage that comes before it says so.
    """
    if value.at is None:
        return NONE
    bound = "" if value.error is None else f" ± {seconds(value.error)}"
    return f"{signed(value.at - base)}{bound}{' (told early)' if value.early else ''}"


def delay(value: Delay | None) -> str:
    """A delay, as ``3.2 s``; a censored one as ``> 31.7 s``."""
    return NONE if value is None else str(value)


def instant(value: float | None) -> str:
    """An instant in seconds since the load began, to the millisecond."""
    return NONE if value is None else f"{value:.3f} s"


def moment(value: float) -> str:
    """About when something happened, to a tenth of a second, without the unit."""
    return tick(round(value, 1))


def count(value: int) -> str:
    """A number of things, with thousands set apart."""
    return f"{value:,}"


def percent(ratio: float | None) -> str:
    """A ratio from 0 to 1, in per cent; a small one that is not 0 never reads as 0."""
    if ratio is None:
        return NONE
    if 0 < abs(ratio) < 0.001:
        return f"{ratio:.3%}".replace("%", " %")
    return f"{ratio:.1%}".replace("%", " %")


def rate(value: float | None) -> str:
    """RPCs a second."""
    return NONE if value is None else f"{value:,.1f} RPC/s"


def index(value: float | None) -> str:
    """A number without a unit, to three digits."""
    return NONE if value is None else f"{value:.3f}"


def p_value(value: float | None) -> str:
    """A probability; very small ones as a bound."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def cores(value: float | None) -> str:
    """CPU use in thousandths of a core."""
    return NONE if value is None else f"{value * 1000:,.1f} mcore"


def memory(value: float | None) -> str:
    """Bytes, in MB (10^6)."""
    return NONE if value is None else f"{value / 1e6:,.1f} MB"


def tick(value: float) -> str:
    """An axis's number, as short as it can be."""
    return f"{value:.6g}"
