"""Jaeger's searches as addresses of its web page, which sends the same parameters to ``/api/traces``.

A search returns traces of one service within a time in which one span has the operation and all tags, as its
own attributes or its resource's. Jaeger's HTTP API v3 cannot be used for these: version 2.13 ignores
``query.attributes``.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from grpc_lb_instrumentor.names import (
    RESOLVER_CHANGED,
    RPC_GRPC_STATUS_CODE,
    SERVER_POD,
    SPAN_RESOLVER_UPDATE,
)

from lbstudy.measures import codes
from lbstudy.observation import attributes
from lbstudy.result.model import Link

LIMIT: Final = 1500
"""Traces in one answer: the largest number that Jaeger's page offers."""
_BEFORE: Final = 120.0  # s before the load starts: clients have resolved by then
_AFTER: Final = 120.0  # s after its end: servers are removed, the last RPCs end


@dataclass(frozen=True, slots=True)
class JaegerSearches:
    """The searches in one run.

    Attributes:
        base: Jaeger's page, "http://127.0.0.1:16686".
        run_id: the run.
        zero: the run's time zero, s since the Unix epoch.
        duration: the duration of the load, s.
        clients: returns the service.name of a setting's clients.
    """

    base: str
    run_id: str
    zero: float
    duration: float
    clients: Callable[[str], str]  # a setting → its clients' service.name

    def trace(self, link: Link) -> str:
        """Return one trace, in which one span is highlighted."""
        return f"{self.base.rstrip('/')}/trace/{link.trace_id}?{urlencode({'uiFind': link.span_id})}"

    def rpcs(self, setting: str, server: str) -> str:
        """Return the RPCs that one server answered."""
        return self._search(self.clients(setting), setting, {SERVER_POD: server})

    def failed(self, setting: str, code: str, server: str | None = None) -> str:
        """Return the RPCs that ended with this code for the clients: all of them, or one server's.

        By the code's number, as spans have it: ``error=true`` finds nothing in the memory storage of Jaeger
        2.13.
        """
        tags = {RPC_GRPC_STATUS_CODE: str(codes.NAMES.index(code))} | ({SERVER_POD: server} if server else {})
        return self._search(self.clients(setting), setting, tags)

    def updates(self, setting: str, *, only_changed: bool = False) -> str:
        """Return resolver updates: all of them, or those that added or removed an address."""
        tags = {RESOLVER_CHANGED: "true"} if only_changed else {}
        return self._search(self.clients(setting), setting, tags, operation=SPAN_RESOLVER_UPDATE)

    def added(self, setting: str, server: str) -> str:
        """Return the trace of a server's addition."""
        return self._search(
            attributes.SERVICE_STUDY, setting, {SERVER_POD: server}, operation=attributes.SPAN_SERVER_ADDED
        )

    def removed(self, setting: str, server: str) -> str:
        """Return the trace of a server's removal."""
        return self._search(
            attributes.SERVICE_STUDY, setting, {SERVER_POD: server}, operation=attributes.SPAN_SERVER_REMOVED
        )

    def fault(self, setting: str, label: str) -> str:
        """Return the trace of a fault."""
        return self._search(
            attributes.SERVICE_STUDY, setting, {attributes.FAULT: label}, operation=attributes.SPAN_FAULT
        )

    def _search(self, service: str, setting: str, tags: Mapping[str, str], operation: str = "") -> str:
        all_tags = {attributes.RUN_ID: self.run_id, attributes.SETTING: setting, **tags}
        query: dict[str, str | int] = {
            "service": service,
            **({"operation": operation} if operation else {}),
            "tags": json.dumps(all_tags, separators=(",", ":")),
            "lookback": "custom",
            "start": round((self.zero - _BEFORE) * 1e6),  # µs
            "end": round((self.zero + self.duration + _AFTER) * 1e6),
            "limit": LIMIT,
        }
        return f"{self.base.rstrip('/')}/search?{urlencode(query)}"
