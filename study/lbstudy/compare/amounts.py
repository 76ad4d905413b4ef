"""From what a run measured to the values of a comparison."""

from lbstudy.compare.model import Amount
from lbstudy.result.model import Delay


def of_delay(delay: Delay) -> Amount:
    """A delay that was observed; a censored one is more than it was watched for."""
    if delay.seconds is None:
        return Amount(value=delay.censored_after or 0.0, more=True)
    return Amount(value=delay.seconds)


def of_number(value: float | None) -> list[Amount]:
    """The one value of a run; none where there is none."""
    return [] if value is None else [Amount(value=value)]
