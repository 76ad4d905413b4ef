"""Measure 3, errors: RPCs that did not end with OK, by code, phase and server.

As the clients saw them, from the clients' RPC spans: an RPC that no server answered is an error of the client
only. The servers' own codes stand beside them, from the servers' spans. A failed RPC counts for the phase in
which it was sent, and for the server that answered it, where one did.
"""

import numpy as np

from lbstudy.measures.codes import OK, code_name, count_by_code
from lbstudy.measures.phases import phase_of
from lbstudy.observation.records import NO_SERVER, Lane
from lbstudy.observation.rpcs import first_failures
from lbstudy.result.model import Errors, Failure, Link, Phase, PhaseErrors


def errors(lane: Lane, phases: list[Phase]) -> Errors:
    """Error counts and ratios, and the first failed RPCs one by one."""
    rpcs = lane.rpcs
    is_error = rpcs.code != OK
    phase = phase_of(rpcs.sent, phases)
    requests = np.bincount(phase, minlength=len(phases))
    failed = np.bincount(phase[is_error], minlength=len(phases))
    return Errors(
        client_by_code=count_by_code(rpcs.code),
        server_by_code=count_by_code(lane.served.code),
        ratio=int(is_error.sum()) / len(rpcs) if len(rpcs) else None,
        phases=[
            PhaseErrors(
                phase=found.index,
                requests=int(requests[i]),
                errors=int(failed[i]),
                ratio=int(failed[i]) / int(requests[i]) if requests[i] else None,
            )
            for i, found in enumerate(phases)
        ],
        by_server={
            "" if server == NO_SERVER else lane.servers[server]: count_by_code(
                rpcs.code[is_error & (rpcs.server == server)]
            )
            for server in np.unique(rpcs.server[is_error])
        },
        failures=[_failure(lane, int(row)) for row in first_failures(rpcs)],
    )


def _failure(lane: Lane, row: int) -> Failure:
    rpcs = lane.rpcs
    server = int(rpcs.server[row])
    due = rpcs.sent[row] if np.isnan(rpcs.scheduled[row]) else rpcs.scheduled[row]
    ref = lane.span_refs.get(int(rpcs.ref[row]))
    return Failure(
        at=float(rpcs.ended[row]),
        code=code_name(int(rpcs.code[row])),
        server=None if server == NO_SERVER else lane.servers[server],
        client=lane.clients[rpcs.client[row]],
        latency=float(rpcs.ended[row] - due),
        link=Link(trace_id=ref.trace_id, span_id=ref.span_id) if ref else None,
    )
