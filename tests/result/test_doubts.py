"""A loaded machine is pointed out where it is larger than what is told, and only there."""

import pytest
from lbstudy.result.doubts import doubts
from lbstudy.result.model import Delay, SettingResult, Stage
from lbstudy.result.verdict import verdict

from tests.result.test_verdict import grown, told


def setting(
    *, late: float = 0.0, bound: float = 0.0, discovery: float = 2.0, p99: float = 0.1
) -> SettingResult:
    """A result with an added server, and these figures in place of its own."""
    made = told(grown([22.0]), "stock")
    latency = made.latency.model_copy(
        update={"lateness_p99": late, "all": made.latency.all.model_copy(update={"p99": p99})}
    )
    summary = made.adaptability.discovery.model_copy(update={"median": Delay(seconds=discovery)})
    stages = [
        Stage(**(stage.model_dump() | {"at": 20.0, "error": bound}))
        for stage in made.adaptability.added[0].stages
    ]
    added = [one.model_copy(update={"stages": stages}) for one in made.adaptability.added]
    adaptability = made.adaptability.model_copy(update={"discovery": summary, "added": added})
    return made.model_copy(update={"latency": latency, "adaptability": adaptability})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (setting(), []),
        (setting(late=0.01, p99=0.015, bound=0.04, discovery=0.03), []),  # too small to matter
        (setting(late=0.04, bound=1.0), []),
        (setting(late=0.8, p99=2.0, discovery=0.3), ["sent up to 800 ms late (p99)"]),
        (setting(late=0.08, p99=0.1), ["sent up to 80 ms late (p99)"]),
        (setting(bound=1.0, discovery=0.25), ["bounds of error of up to 1.0 s, larger than the delays"]),
        (setting(late=0.8, bound=1.0, discovery=0.25), ["800 ms late", "up to 1.0 s"]),
    ],
)  # fmt: skip
def test_what_is_pointed_out(found: SettingResult, said: list[str]) -> None:
    sentences = doubts([found])
    assert len(sentences) == len(said)
    headline = verdict([found]).headline
    for sentence, part in zip(sentences, said, strict=True):
        assert part in sentence
        assert sentence in headline
