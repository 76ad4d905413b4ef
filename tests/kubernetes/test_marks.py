"""The bound of each instant holds, however late a watch tells and whoever stalls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.platform.interface import ChangeKind
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.clock import Offset
from lbstudy.platform.kubernetes.marks import Marks
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.kubernetes.watch import WatchReport
from lbstudy.platform.kubernetes.watching import Watching

MS = 1_000_000


def test_a_version_lies_between_the_marks_around_it() -> None:
    marks = Marks()
    for version, sent, answered in (("10", 100, 110), ("20", 200, 215), ("20", 300, 301), ("x", 400, 401)):
        marks.add(version, sent, answered)
    assert [marks.after(version) for version in (9, 10, 15, 20, 99)] == [None, 100, 100, 200, 200]
    assert [marks.before(version) for version in (9, 10, 15, 20, 21)] == [110, 110, 215, 215, None]


@dataclass(frozen=True)
class Happened:
    """A pod was made at ``at``, and a watch told so at ``told``; or a renewal of the Lease was accepted."""

    at: int  # ns, monotonic
    sent: int
    told: int
    is_renewal: bool


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """Changes of a cluster whose parts stall as they like, in the order of their versions."""
    instants = sorted(draw(st.lists(st.integers(1_000, 60_000), min_size=1, max_size=30, unique=True)))
    late = st.integers(0, 3_000)
    return [
        Happened(at * MS, (at - draw(late)) * MS, (at + draw(late)) * MS, draw(st.booleans()))
        for at in instants
    ]


def watching() -> Watching:
    """One that watches nothing: what is seen is told by hand."""
    no_cluster: Any = None
    made = Watching(no_cluster, "run", ["greeter"], Path(), lambda _: "server", lambda *_: None)
    made._offset = Offset(0, 0.0, 0)  # the pods' clock is this one
    return made


@given(history=histories())
def test_the_bound_holds_for_each_instant(history: Sequence[Happened]) -> None:
    seen = watching()
    for version, one in enumerate(history, 1):
        if one.is_renewal:
            seen._renewed(str(version), one.sent, one.told)
    for version, one in enumerate(history, 1):
        if not one.is_renewal:
            labels = {WORKLOAD: "greeter"}
            pod = wire.Pod(wire.Metadata(f"pod-{version}", f"uid-{version}", str(version), labels=labels))
            seen._saw_pods(WatchReport(one.told, one.told, (pod,)))
    known = any(one.is_renewal for one in history[:1])
    for change in seen.changes._changes:
        assert change.kind is ChangeKind.CREATED
        assert change.pod is not None
        true = history[int(change.pod.removeprefix("pod-")) - 1].at
        final = seen.final(change)
        assert true <= final.at
        if known:
            assert final.at - true <= final.error * 1e9 + 1
        # No later than the answer to the next renewal.
        assert final.at <= change.at


def test_a_stall_of_the_watch_alone_does_not_show() -> None:
    """The renewals go on: the instant is known to a renewal, though the watch told of it 2 s later."""
    seen = watching()
    for number in range(10):
        seen._renewed(str(10 * number), number * 100 * MS, (number * 100 + 5) * MS)
    pod = wire.Pod(wire.Metadata("a", "uid-a", "45", labels={WORKLOAD: "greeter"}))
    seen._saw_pods(WatchReport(2_450 * MS, 2_450 * MS, (pod,)))
    (change,) = seen.changes._changes
    final = seen.final(change)
    assert final.at == 505 * MS
    assert final.error == pytest.approx(0.105)


def test_after_a_list_it_may_have_been_at_any_time_since_nothing_was_missed() -> None:
    seen = watching()
    for number in range(1, 10):
        seen._renewed(str(10 * number), number * 100 * MS, (number * 100 + 5) * MS)
    pod = wire.Pod(wire.Metadata("a", "uid-a", "85", labels={WORKLOAD: "greeter"}))
    seen._saw_pods(WatchReport(900 * MS, 890 * MS, (pod,), complete=True, after="31"))
    (change,) = seen.changes._changes
    final = seen.final(change)
    assert final.at == 900 * MS
    assert final.error == pytest.approx(0.6)
