import numpy as np
from lbstudy.measures.phases import phase_of, phases
from lbstudy.measures.readiness import mean_ready, ready_steps
from lbstudy.observation.records import FaultPeriod

from tests.measures.lanes import lane, pod

# 3 servers from before the load; scaled to 4 at 20 s, to 2 at 60 s; the load ends at 80 s.
#     a  ───────────────────────────────────────────
#     b  ─────────────────────────────────────┤ 60.1
#     c  ─────────────────────────────────────┤ 60.1
#     d            22 ├─────────────────────────────
#     e            45 ├─────────────────────────────  (Ready late: its second half begins at 40 s)
LANE = lane(
    end=80,
    commands=[(-5, 3), (20, 4), (60, 2)],
    pods=[
        pod("a"),
        pod("b", terminating=60.1, removal_commanded=60),
        pod("c", terminating=60.1, removal_commanded=60),
        pod("d", commanded=20, ready=22),
        pod("e", commanded=20, ready=45),
    ],
)


def test_a_phase_lies_between_two_commands_and_is_named_by_the_later_state() -> None:
    found = phases(LANE)
    assert [(phase.start, phase.end) for phase in found] == [(0, 20), (20, 60), (60, 80)]
    assert [phase.label for phase in found] == ["3 servers", "3 → 4 servers", "4 → 2 servers"]


def test_the_ready_set_is_ready_for_all_of_the_second_half() -> None:
    # Second halves: 10–20, 40–60, 70–80. b and c are told to stop at 60.1, after the second phase's end;
    # e is not Ready for all of 40–60.
    assert [phase.ready for phase in phases(LANE)] == [["a", "b", "c"], ["a", "b", "c", "d"], ["a", "d", "e"]]


def test_a_command_at_or_after_the_loads_end_begins_no_phase() -> None:
    found = phases(lane(end=80, commands=[(-5, 1), (80, 2), (81, 0)], pods=[pod("a")]))
    assert [(phase.start, phase.end, phase.label) for phase in found] == [(0, 80, "1 server")]


def test_the_number_at_the_start_is_that_of_the_last_command_before_it() -> None:
    found = phases(lane(end=80, commands=[(-5, 1), (-2, 3), (0, 4)], pods=[pod("a")]))
    assert [phase.label for phase in found] == ["4 servers"]


def test_two_commands_at_one_instant_are_one_boundary() -> None:
    found = phases(lane(end=80, commands=[(-5, 1), (20, 2), (20, 3)], pods=[pod("a")]))
    assert [(phase.start, phase.end) for phase in found] == [(0, 20), (20, 80)]


def test_an_instant_belongs_to_the_phase_that_it_lies_in_and_a_boundary_to_the_later_one() -> None:
    at = np.array([-1.0, 0.0, 19.99, 20.0, 60.0, 79.0, 85.0])
    assert phase_of(at, phases(LANE)).tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_ready_servers_over_time() -> None:
    steps = [(step.at, step.servers) for step in ready_steps(LANE)]
    assert steps == [(-4, 3), (22, 4), (45, 5), (60.1, 3)]
    # 21–23 s: three servers for all of it, d for half of it. 60–61 s: five for 0.1 s, three for 0.9 s.
    mean = mean_ready(LANE, np.array([21.0, 23.0, 60.0, 61.0]))
    assert np.allclose(mean[[0, 2]], [3.5, 3.2])


def test_a_server_that_died_is_no_longer_ready() -> None:
    steps = ready_steps(lane(end=80, pods=[pod("a", exited=30.0)]))
    assert [(step.at, step.servers) for step in steps] == [(-4, 1), (30, 0)]


def test_a_faults_beginning_and_its_lifting_begin_phases() -> None:
    found = phases(
        lane(
            end=80,
            commands=[(-5, 1), (40, 2)],
            pods=[pod("a"), pod("b", commanded=40, ready=42)],
            faults=[
                FaultPeriod("stop on 2 servers", "a", 10, 19),
                FaultPeriod("stop on 2 servers", "b", 10.4, 20),  # until here, the same fault
                FaultPeriod("kill on 1 server", "a", 30, 30),  # ends as it begins
                FaultPeriod("dns-late 1 s", None, 60),  # to the load's end
                FaultPeriod("dns-silent", None, 80),  # after it
            ],
        )
    )
    assert [(phase.start, phase.label) for phase in found] == [
        (0, "1 server"),
        (10, "stop on 2 servers"),
        (20, "stop on 2 servers lifted"),
        (30, "kill on 1 server"),
        (40, "1 → 2 servers"),
        (60, "dns-late 1 s"),
    ]
    assert found[-1].end == 80


def test_what_is_done_at_once_begins_one_phase() -> None:
    found = phases(
        lane(
            end=80,
            commands=[(-5, 1), (20.1, 2)],
            pods=[pod("a"), pod("b", commanded=20.1, ready=22)],
            faults=[
                FaultPeriod("stop on 1 server", "a", 10, 20),
                FaultPeriod("dns-late 1 s", None, 20.2, 30),
            ],
        )
    )
    assert [(phase.start, phase.label) for phase in found] == [
        (0, "1 server"),
        (10, "stop on 1 server"),
        (20, "stop on 1 server lifted; 1 → 2 servers; dns-late 1 s"),
        (30, "dns-late 1 s lifted"),
    ]
