import json

import numpy as np
import pytest
from grpc_lb_instrumentor import names
from lbstudy.store.database import RunStore
from lbstudy.store.rows import MetricRow

from tests.store.described import SECOND, describe, lane, pods
from tests.store.rows_by_hand import ZERO


def point(
    name: str, at: float, value: float, pod: str = "a", scope: str = "theirs", **attributes: str
) -> MetricRow:
    return MetricRow(
        name, "sum", "", ZERO, ZERO + round(at * SECOND), "greeter-server", pod, "stock", 1, scope,
        json.dumps(attributes), True, value, *(None,) * 7,
    )  # fmt: skip


def test_usage(store: RunStore) -> None:
    # CPU time of a, user + system: 1.0 + 0.5 at 1 s, 1.3 + 0.7 at 2 s, 2.3 + 0.7 at 4 s:
    # (2.0 − 1.5) ÷ 1 s = 0.5 cores, then (3.0 − 2.0) ÷ 2 s = 0.5 cores.
    describe(store)
    pods(store, "a", "b")
    cpu, memory, age = (
        names.METRIC_PROCESS_CPU_TIME,
        names.METRIC_PROCESS_MEMORY_USAGE,
        names.METRIC_SERVER_INACTIVITY_AGE,
    )
    store.add_telemetry(metrics=
        [
            point(cpu, 1, 1.0, type="user"), point(cpu, 1, 0.5, type="system"),
            point(cpu, 1, 99, type="iowait"),
            point(cpu, 2, 1.3, type="user"), point(cpu, 2, 0.7, type="system"),
            point(cpu, 4, 2.3, type="user"), point(cpu, 4, 0.7, type="system"),
            point(memory, 2, 1000.0), point(age, 2, 0.25),
            point(names.METRIC_SERVER_ACTIVE, 2, 3.0),
            point(cpu, 2, 8.0, pod="b", **{"cpu.mode": "user"}),
            point(cpu, 2, 8.0, pod="client"),
            point("something.else", 3, 8.0),
        ]
    )  # fmt: skip
    usage = lane(store).usage
    rows = [
        tuple(None if np.isnan(value) else value for value in row)
        for row in zip(
            usage.at, usage.server, usage.cpu, usage.memory, usage.active, usage.inactivity_age, strict=True
        )
    ]
    assert rows == [
        (1.0, 0, None, None, None, None),
        (2.0, 0, pytest.approx(0.5), 1000.0, 3.0, 0.25),
        (2.0, 1, None, None, None, None),
        (4.0, 0, pytest.approx(0.5), None, None, None),
    ]


def test_where_two_emit_a_metric_ours_is_read(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    name = names.METRIC_PROCESS_MEMORY_USAGE
    store.add_telemetry(metrics=[point(name, 1, 5.0), point(name, 1, 7.0, scope=names.SCOPE)])
    assert lane(store).usage.memory.tolist() == [7.0]
