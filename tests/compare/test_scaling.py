"""Figures of autoscaling in a comparison: those of the runs, censored and unseen ones as what they are."""

from lbstudy.compare.measured import figures, hidden, values
from lbstudy.compare.model import Amount
from lbstudy.result.model import Relief, SettingResult

from tests.compare import made_up
from tests.report import sample

KEYS = ["relief", "relief_hottest", "bad", "wasted"]


def run(**changed: object) -> SettingResult:
    return made_up.setting("stock").model_copy(update={"scaling": sample.scaled().model_copy(update=changed)})


def test_the_figures_are_there_where_there_was_an_autoscaler() -> None:
    assert [figure.key for figure in figures([run()])][:4] == KEYS
    assert not {figure.key for figure in figures([made_up.setting("stock")])} & set(KEYS)


def test_a_censored_relief_is_more_than_it_was_watched_for() -> None:
    never = Relief(target=0.6, breach=None, relief=None, missed=0.0)
    by_key = {figure.key: figure for figure in figures([run()])}
    assert values(by_key["relief"], run()) == [Amount(value=34.0, more=True)]
    assert values(by_key["relief_hottest"], run(hottest=never)) == [Amount(value=0.0)]  # at once
    assert values(by_key["bad"], run()) == [Amount(value=750 + 320)]
    assert values(by_key["wasted"], run()) == [Amount(value=88.5)]


def test_what_nobody_saw_has_no_value_and_a_reason() -> None:
    blind = sample.autoscaled().settings[1]
    for figure in figures([blind])[:4]:
        assert values(figure, blind) == []
    by_key = {figure.key: figure for figure in figures([blind])}
    reason = hidden(by_key["relief_hottest"], blind)
    assert reason is not None
    assert "how busy they are" in reason.why
    # A setting without an autoscaler, beside one with it, has nothing to hide.
    assert hidden(by_key["relief_hottest"], made_up.setting("other")) is None
    assert values(by_key["relief"], made_up.setting("other")) == []
