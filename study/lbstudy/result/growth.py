"""The phases after a scale-up: they show how even the spread is once servers were added."""

from lbstudy.result.model import Phase, PhaseDistribution, SettingResult


def grown(setting: SettingResult) -> list[tuple[Phase, PhaseDistribution]]:
    """Return these phases with their distribution, in order."""
    ups = [change.at for change in setting.adaptability.changes if change.after > change.before]
    spreads = {spread.phase: spread for spread in setting.distribution.phases}
    return [
        (phase, spreads[phase.index])
        for phase in setting.phases
        if phase.index in spreads and any(phase.start <= at < phase.end for at in ups)
    ]
