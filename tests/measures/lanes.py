"""Lanes made by hand: what a test says is what was observed, and nothing else."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from lbstudy.measures.codes import NAMES
from lbstudy.observation.known import Known
from lbstudy.observation.records import (
    NO_SERVER,
    BusyTable,
    DeliveredTable,
    DnsLookup,
    FaultPeriod,
    Interruption,
    Lane,
    PodLife,
    RpcTable,
    SaidCount,
    ScaleCommand,
    ScalingAims,
    ScalingDecision,
    ServedTable,
    SpanRef,
    StreamTable,
    Transition,
    Update,
    UsageTable,
)
from lbstudy.observation.tallies import ClientTally, ServerTally


@dataclass(frozen=True)
class Rpc:
    """An RPC that was due at ``due``, sent at ``sent`` (then, unless told) and took so long from there."""

    due: float
    server: str | None  # None: no server answered
    took: float = 0.02
    sent: float | None = None
    code: str = "OK"
    client: int = 0
    tells_due: bool = True
    told: bool = True  # the client was told which server it was
    stream: str = ""  # who sends messages: "server", "client", "bidi"; "": it is no stream
    first: float | None = None  # a stream's first message came; None: none did


def rpcs(due: Iterable[float], server: str | None, **others: object) -> list[Rpc]:
    """RPCs that differ in nothing but when they were due."""
    return [Rpc(at, server, **others) for at in due]  # type: ignore[arg-type]  # Rpc's own fields


def pod(
    name: str,
    *,
    commanded: float = -5.0,
    ready: float | None = -4.0,
    interruptions: Sequence[Interruption] = (),
    **others: float | None,
) -> PodLife:
    """A pod at "10.0.0.1:50051" if its name is "a", "10.0.0.2:50051" if it is "b" …, Ready from −4 s on."""
    life = PodLife(name, address(name), commanded, ready=ready, interruptions=tuple(interruptions))
    return replace(life, **others)  # type: ignore[arg-type]  # instants, which are PodLife's fields


def address(name: str) -> str:
    """A pod's address."""
    return f"10.0.0.{ord(name) - ord('a') + 1}:50051"


def update(ended: float, servers: str, client: int = 0, outcome: str = "changed", **others: object) -> Update:
    """A resolver update that gave these servers ("abc"), as addresses without a port."""
    fields: dict[str, object] = {
        "started": ended - 0.01,
        "cause": "unknown",
        "added": frozenset(),
        "removed": frozenset(),
        "ref": SpanRef(f"{client:031x}1", f"{round(ended * 1000) & 0xFFFFFFFF:016x}"),
        **others,
    }
    addresses = frozenset(address(name).partition(":")[0] for name in servers)
    return Update(client=client, ended=ended, outcome=outcome, addresses=addresses, **fields)  # type: ignore[arg-type]


def connected(at: float, server: str, client: int = 0) -> Transition:
    """A subchannel that became READY."""
    return Transition(client, 1, address(server), "ready", at, SpanRef("c" * 32, "c" * 16))


def sample(
    at: float, server: str, *, cpu: float = math.nan, memory: float = math.nan, age: float = math.nan
) -> tuple[float, str, float, float, float]:
    """What a server reported of itself."""
    return at, server, cpu, memory, age


def tally(by_code: dict[str, int], by_server: dict[str, int], not_sent: int = 0) -> ClientTally:
    """What a client program counted, with rates of 10 and 9 RPC/s."""
    sent = sum(by_code.values())
    return ClientTally(
        client="client-pod",
        scheduled=sent + not_sent,
        sent=sent,
        not_sent=not_sent,
        by_code=by_code,
        by_server=by_server,
        offered_rate=10.0,
        achieved_rate=9.0,
        lateness_p50=0.0,
        lateness_p99=0.0,
        lateness_max=0.0,
    )


def lane(
    *,
    end: float,
    pods: Sequence[PodLife],
    commands: Sequence[tuple[float, int]] | None = None,
    rpcs: Sequence[Rpc] = (),
    served: Sequence[tuple[str, str]] = (),  # server, code
    superseded: int = 0,  # so many of them, the first ones, were attempts that others followed
    clients: int = 1,
    updates: Sequence[Update] = (),
    transitions: Sequence[Transition] = (),
    usage: Sequence[tuple[float, str, float, float, float]] = (),
    client_usage: Sequence[tuple[float, float]] | None = None,  # at, cores; of one client pod
    client_tallies: Sequence[ClientTally] = (),
    server_tallies: Sequence[ServerTally] = (),
    lookups: Sequence[DnsLookup] = (),
    faults: Sequence[FaultPeriod] = (),
    setting: str = "stock",
    known: Known | None = None,  # None: everything, by our instrumentor
    said: Sequence[SaidCount] = (),
    started: Sequence[float] = (),  # of ``served``: when; 0 unless told
    delivered: Sequence[tuple[float, str, int]] = (),  # messages that came to clients: at, server, how many
    given: Mapping[str, int] | None = None,
    busy: Sequence[tuple[float, str, float]] = (),  # at, server, utilisation
    decisions: Sequence[ScalingDecision] = (),
    aims: ScalingAims | None = None,
) -> Lane:
    """A lane of these observations. Without commands, one for all pods came before the load."""
    servers = tuple(pod.name for pod in pods)
    index = {name: i for i, name in enumerate(servers)}
    rows = sorted(rpcs, key=lambda rpc: rpc.due if rpc.sent is None else rpc.sent)
    sent = np.array([rpc.due if rpc.sent is None else rpc.sent for rpc in rows], dtype=np.float64)
    return Lane(
        setting=setting,
        end=end,
        servers=servers,
        clients=tuple(f"client-{i}" for i in range(clients)),
        commands=tuple(ScaleCommand(at, n) for at, n in commands or [(-5.0, len(pods))]),
        pods=tuple(pods),
        rpcs=RpcTable(
            scheduled=np.array([rpc.due if rpc.tells_due else math.nan for rpc in rows], dtype=np.float64),
            sent=sent,
            ended=sent + np.array([rpc.took for rpc in rows], dtype=np.float64),
            code=np.array([NAMES.index(rpc.code) for rpc in rows], dtype=np.int16),
            server=np.array(
                [NO_SERVER if rpc.server is None else index[rpc.server] for rpc in rows], dtype=np.int32
            ),
            told=np.array([rpc.server is not None and rpc.told for rpc in rows], dtype=np.bool_),
            client=np.array([rpc.client for rpc in rows], dtype=np.int32),
            ref=np.arange(len(rows), dtype=np.int64),
        ),
        served=ServedTable(
            started=np.array(started or np.zeros(len(served)), dtype=np.float64),
            ended=np.zeros(len(served)),
            code=np.array([NAMES.index(code) for _, code in served], dtype=np.int16),
            server=np.array([index[server] for server, _ in served], dtype=np.int32),
            superseded=np.arange(len(served)) < superseded,
        ),
        updates=tuple(sorted(updates, key=lambda found: found.ended)),
        transitions=tuple(transitions),
        usage=_usage(usage, index),
        client_usage=None
        if client_usage is None
        else _usage([sample(at, "client", cpu=cores) for at, cores in client_usage], {"client": 0}),
        client_tallies=tuple(client_tallies),
        server_tallies=tuple(server_tallies),
        lookups=tuple(lookups),
        faults=tuple(faults),
        known=known or Known(),
        said=tuple(said),
        streams=StreamTable(
            row=np.array([row for row, rpc in enumerate(rows) if rpc.stream], dtype=np.int64),
            kind=tuple(rpc.stream for rpc in rows if rpc.stream),
            first=np.array([math.nan if rpc.first is None else rpc.first for rpc in rows if rpc.stream]),
        ),
        delivered=DeliveredTable(
            at=np.array([at for at, _, _ in delivered], dtype=np.float64),
            server=np.array([index[server] for _, server, _ in delivered], dtype=np.int64),
            messages=np.array([count for _, _, count in delivered], dtype=np.int64),
        ),
        given=given,
        busy=_busy(busy, index) if busy else None,
        decisions=tuple(decisions),
        aims=aims,
        span_refs={row: SpanRef(f"{row + 1:032x}", f"{row + 1:016x}") for row in range(len(rows))},
    )


def _busy(looks: Sequence[tuple[float, str, float]], index: dict[str, int]) -> BusyTable:
    looks = sorted(looks)
    return BusyTable(
        at=np.array([row[0] for row in looks], dtype=np.float64),
        server=np.array([index[row[1]] for row in looks], dtype=np.int32),
        utilization=np.array([row[2] for row in looks], dtype=np.float64),
        waiting=np.zeros(len(looks)),
        ended=np.zeros(len(looks)),
    )


def _usage(samples: Sequence[tuple[float, str, float, float, float]], index: dict[str, int]) -> UsageTable:
    return UsageTable(
        at=np.array([row[0] for row in samples], dtype=np.float64),
        server=np.array([index[row[1]] for row in samples], dtype=np.int32),
        cpu=np.array([row[2] for row in samples], dtype=np.float64),
        memory=np.array([row[3] for row in samples], dtype=np.float64),
        active=np.zeros(len(samples)),
        inactivity_age=np.array([row[4] for row in samples], dtype=np.float64),
    )
