"""What a report says of streams, and that one without any says nothing."""

import io

from lbstudy.measures.phases import phases
from lbstudy.measures.streams import streams
from lbstudy.report.html import render_html
from lbstudy.report.terminal import print_summary
from lbstudy.result.expectations import MEASURES
from lbstudy.result.model import Delay, NotObserved, Result, SettingResult
from rich.console import Console

from tests.measures.lanes import Rpc, lane, pod
from tests.report import markup, sample


def with_streams(*, delivered: bool = True) -> Result:
    """Of the sample's second setting: two streams, of which one outlived a server that went for 6 s."""
    result = sample.result()
    made = lane(
        end=20,
        pods=[pod("a"), pod("b", removal_commanded=10.0, terminating=10.1)],
        commands=[(-5.0, 2), (10.0, 1)],
        rpcs=[
            Rpc(1, "a", 18, stream="bidi", first=1.1),
            Rpc(6, "b", 10, code="UNAVAILABLE", stream="bidi", first=6.1),
        ],
        delivered=[(8.0, "a", 10), (8.0, "b", 30), (17.0, "a", 10)] if delivered else [],
    )
    first, second = result.settings
    spread = {"phases": phases(made), "streams": streams(made, phases(made))}
    return result.model_copy(update={"settings": [first, second.model_copy(update=spread)]})


def summary(result: Result) -> str:
    out = io.StringIO()
    print_summary(result, Console(file=out, width=200))
    return out.getvalue()


def section(html: str) -> str:
    (found,) = [
        one for one in markup.parse(html).find("section") if one.attributes["aria-labelledby"] == "streams"
    ]
    return " ".join(found.text().split())


def value(result: SettingResult, name: str) -> object:
    return MEASURES[name].read(result)


def test_a_run_without_streams_says_nothing_of_them() -> None:
    assert 'id="streams"' not in render_html(sample.result())
    assert "streams" not in summary(sample.result())
    assert value(sample.result().settings[0], "streams.cut") is None
    assert value(sample.result().settings[0], "streams.held.median") is None


def test_holding_times_and_messages_in_both() -> None:
    result = with_streams()
    text = section(render_html(result))

    assert "2 streams (bidi 2), 1 of them cut: UNAVAILABLE 1" in text
    assert "2 → 1 servers10.000 sservers that go116.0 s6.0 s6.0 s" in text
    assert "max-age, 2 streams: 1 ended with another code than OK; held on to servers that go for 6.0 s" in (
        summary(result)
    )
    assert "up to 50.0 % from the fair share" in summary(result)
    setting = result.settings[1]
    assert value(setting, "streams.held.largest") == Delay(seconds=6.0)
    assert value(setting, "streams.cut") == 1.0
    assert value(setting, "streams.largest_deviation.last") == 0.0


def test_messages_that_nobody_timed_are_not_observed() -> None:
    result = with_streams(delivered=False)

    assert "The spread by messages: not observed." in section(render_html(result))
    assert "messages to clients" not in summary(result)
    assert isinstance(value(result.settings[1], "streams.largest_deviation.last"), NotObserved)
