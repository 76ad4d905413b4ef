from lbstudy.observation.records import FaultPeriod
from lbstudy.traces.fault import FaultTrace, fault_traces


def test_a_fault_on_two_servers_is_one_trace_and_one_that_was_not_lifted_is_censored() -> None:
    periods = [
        FaultPeriod("slow", "a", 10, 20),
        FaultPeriod("dns", None, 12, 15),
        FaultPeriod("slow", "b", 11, None),
    ]
    assert fault_traces(periods, watched_until=30) == [
        FaultTrace("slow", 10, 30, True, (("a", 10, 20), ("b", 11, 30))),
        FaultTrace("dns", 12, 15, False, ()),
    ]
