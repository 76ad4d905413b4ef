"""How durations, counts and unknown values are written. No I/O."""

from typing import Final

NOT_OBSERVED: Final = "not observed"


def ago(seconds: float) -> str:
    """Return a duration: "0.35 s", "40 s", "11 min", "3.2 h", "5 d"."""
    seconds = max(0.0, seconds)
    if seconds < 9.995:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 119.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def counted(number: int, singular: str, more: str = "") -> str:
    """Return a count such as "1 pod" or "3 pods"."""
    return f"{number} {singular}" if number == 1 else f"{number} {more or singular + 's'}"


def listed(names: list[str], most: int = 3) -> str:
    """Return a list such as "a", "a and b", or "a, b, c and 4 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def cannot_ask(error: Exception, why: str = "") -> str:
    """Why a source gave no answer, in one line: "cannot be asked (it answers 503)"."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = f"it answers {status}" if status is not None else " ".join(str(error).split())
    return f"cannot be asked ({why or said or type(error).__name__})"
