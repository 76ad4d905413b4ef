"""Reading Jaeger in windows of time."""

from lbstudy.backends.jaeger import Jaeger

from tests.backends.made_up import NANO, MadeUpRun
from tests.stack.parts import Stack
from tests.stack.sent import eventually


def test_narrow_windows_find_what_one_wide_search_finds(stack: Stack, made_up: MadeUpRun) -> None:
    """600 traces in 1.2 s, a minute without any before and after them; fewer than 40 fit into an answer."""
    made_up.send_spans(stack.otlp_grpc)
    start, end = made_up.zero - 60 * NANO, made_up.zero + 60 * NANO
    wide, narrow = Jaeger(stack.jaeger, at_most=100_000), Jaeger(stack.jaeger, at_most=40)
    eventually(lambda: len(_spans(wide, made_up, start, end)) == 2 * made_up.rpcs)

    pages = [
        {trace for group in groups for trace in group.trace_ids()} for groups in narrow.traces(start, end)
    ]

    assert max(len(page) for page in pages) < 40
    assert len(pages) >= made_up.rpcs / 40
    assert _spans(narrow, made_up, start, end) == _spans(wide, made_up, start, end)


def _spans(jaeger: Jaeger, run: MadeUpRun, start: int, end: int) -> set[str]:
    return {
        span.trace_id + span.span_id
        for groups in jaeger.traces(start, end)
        for group in groups
        if group.attributes["lbstudy.run.id"] == run.run_id
        for _, span in group.spans()
    }
