"""Measure 3, errors: RPCs that did not end with OK, by code, message, phase and server.

The clients' RPC spans give the clients' view: an RPC that no server answered is an error of the client only.
The servers' spans give the servers' own codes. A failed RPC counts for the phase in which it was sent, and
for the server that answered it, if one did.

If a client sends no spans, its program's own count says how RPCs ended. Without such a count, the servers'
spans do, and then their own counts, as far as RPCs reached them. When RPCs failed is known from the clients'
spans only, or if the servers' spans show as many failures as the client counted.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from lbstudy.measures.codes import NAMES, OK, code_name, count_by_code
from lbstudy.measures.failures import untimed
from lbstudy.measures.ledger_entry import in_all
from lbstudy.measures.messages import said
from lbstudy.measures.not_counted import has_server_spans
from lbstudy.measures.phases import phase_of
from lbstudy.observation.known import Observer, Seen
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, Lane, Side
from lbstudy.observation.rpcs import first_failures
from lbstudy.result.model import Errors, Failure, Link, Phase, PhaseErrors


def errors(lane: Lane, phases: list[Phase]) -> Errors:
    """Return error counts and ratios, and the first failed RPCs one by one."""
    rpcs = lane.rpcs
    is_error = rpcs.code != OK
    counted, by = codes_of(lane)
    total = sum(counted.values())
    reason = untimed(lane)
    return Errors(
        client_by_code=counted,
        client_by=by,
        server_by_code=count_by_code(lane.served.code) if has_server_spans(lane) else None,
        ratio=(total - counted.get("OK", 0)) / total if total else None,
        phases=[] if reason else _phases(lane, phases),
        by_server={
            _name(lane, int(server)): count_by_code(rpcs.code[is_error & (rpcs.server == server)])
            for server in np.unique(rpcs.server[is_error])
        },
        failures=[_failure(lane, int(row)) for row in first_failures(rpcs)],
        client_said=said(message for message in lane.said if message.side is Side.CLIENT),
        server_said=said(message for message in lane.said if message.side is Side.SERVER),
        not_observed=reason,
    )


def codes_of(lane: Lane) -> tuple[dict[str, int], str]:
    """Return how many RPCs ended with each code, and who counted them; "" if nobody did."""
    part = lane.known.codes
    if not isinstance(part, Seen):
        return {}, ""
    match part.by:
        case Observer.CLIENT_COUNTS:
            by_code = _sum(tally.by_code for tally in lane.client_tallies)
        case Observer.SERVER_COUNTS:
            by_code = _sum(tally.by_code or {} for tally in lane.server_tallies)
        case _:
            by_code = count_by_code(lane.rpcs.code)
    return by_code, part.by.value


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum by code, in the order of the codes' numbers."""
    total = in_all(counts)
    order = {name: number for number, name in enumerate(NAMES)}
    return {name: total[name] for name in sorted(total, key=lambda name: order.get(name, len(order)))}


def _phases(lane: Lane, phases: list[Phase]) -> list[PhaseErrors]:
    rpcs = lane.rpcs
    phase = phase_of(rpcs.sent, phases)
    requests = np.bincount(phase, minlength=len(phases))
    failed = np.bincount(phase[rpcs.code != OK], minlength=len(phases))
    return [
        PhaseErrors(
            phase=phase.index,
            requests=int(requests[i]),
            errors=int(failed[i]),
            ratio=int(failed[i]) / int(requests[i]) if requests[i] else None,
        )
        for i, phase in enumerate(phases)
    ]


def _name(lane: Lane, server: int) -> str:
    if server == UNKNOWN_SERVER:
        return Errors.UNKNOWN
    return "" if server == NO_SERVER else lane.servers[server]


def _failure(lane: Lane, row: int) -> Failure:
    rpcs = lane.rpcs
    server = int(rpcs.server[row])
    due = rpcs.sent[row] if np.isnan(rpcs.scheduled[row]) else rpcs.scheduled[row]
    ref = lane.span_refs.get(int(rpcs.ref[row]))
    return Failure(
        at=float(rpcs.ended[row]),
        code=code_name(int(rpcs.code[row])),
        server=None if server == NO_SERVER else _name(lane, server),
        client=lane.clients[rpcs.client[row]],
        latency=float(rpcs.ended[row] - due) if isinstance(lane.known.latency, Seen) else None,
        link=Link(trace_id=ref.trace_id, span_id=ref.span_id) if ref else None,
    )
