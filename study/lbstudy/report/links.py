"""Links from a figure of the report to Jaeger and Prometheus; none without a stack."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lbstudy.measures import codes
from lbstudy.report.charts.usage import CPU, INACTIVITY, MEMORY, Quantity
from lbstudy.result.model import Link, Provenance
from lbstudy.searches import promql
from lbstudy.searches.jaeger import JaegerSearches
from lbstudy.searches.prometheus import PrometheusQueries
from lbstudy.searches.run import jaeger_of, prometheus_of
from lbstudy.searches.scope import Scope

Query: TypeAlias = Callable[[Scope], str]

_USAGE: dict[Quantity, Query] = {
    CPU: promql.cpu,
    MEMORY: promql.memory,
    INACTIVITY: promql.inactivity_age,
}
"""A chart's quantity → its query."""


@dataclass(frozen=True, slots=True)
class SettingLinks:
    """The links of one setting. A URL is "" if the run was not sent there: templates then show no link."""

    setting: str
    jaeger: JaegerSearches | None
    prometheus: PrometheusQueries | None

    # --- Jaeger -----------------------------------------------------------------------------------

    def trace(self, link: Link) -> str:
        """Return the trace that contains a span."""
        return self.jaeger.trace(link) if self.jaeger else ""

    def server(self, name: str) -> str:
        """Return the RPCs that a server answered."""
        return self.jaeger.rpcs(self.setting, name) if self.jaeger else ""

    def failed(self, code: str, server: str = "") -> str:
        """Return the RPCs that ended with a code: all of them, or one server's."""
        if self.jaeger is None or code not in codes.NAMES:
            return ""
        return self.jaeger.failed(self.setting, code, server or None)

    def updates(self, outcome: str = "") -> str:
        """Return the resolver updates, or those that changed the list."""
        return self.jaeger.updates(self.setting, only_changed=outcome == "changed") if self.jaeger else ""

    def added(self, server: str) -> str:
        """Return the trace of a server's addition."""
        return self.jaeger.added(self.setting, server) if self.jaeger else ""

    def removed(self, server: str) -> str:
        """Return the trace of a server's removal."""
        return self.jaeger.removed(self.setting, server) if self.jaeger else ""

    def fault(self, label: str) -> str:
        """Return the trace of a fault."""
        return self.jaeger.fault(self.setting, label) if self.jaeger else ""

    # --- Prometheus, one or a few queries for each chart ------------------------------------------

    @property
    def timeline(self) -> str:
        """Requests by server, errors, Ready servers, addresses."""
        return self._graph(promql.request_rate, promql.errors_by_code, promql.servers_ready, promql.addresses)

    @property
    def distribution(self) -> str:
        """Shares, and the fair share."""
        return self._graph(promql.request_share, promql.fair_share, promql.largest_deviation)

    @property
    def coverage(self) -> str:
        """Coverage over time."""
        return self._graph(promql.coverage)

    @property
    def latency(self) -> str:
        """Quantiles over time, and the histogram."""
        if self.prometheus is None:
            return ""
        scope = self.prometheus.scope(self.setting)
        return self.prometheus.graph(
            promql.latency_quantile(scope, 0.5),
            promql.latency_quantile(scope, 0.99),
            promql.latency_buckets(scope),
        )

    @property
    def errors(self) -> str:
        """Error ratio, and failed RPCs by code."""
        return self._graph(promql.error_ratio, promql.errors_by_code)

    @property
    def adaptability(self) -> str:
        """Times to detect and to discovery, and who still waits."""
        return self._graph(promql.time_to_detect, promql.time_to_discovery, promql.undiscovered)

    def usage(self, quantity: Quantity) -> str:
        """Return what a chart of utilisation shows."""
        return self._graph(_USAGE[quantity])

    def _graph(self, *queries: Query) -> str:
        if self.prometheus is None:
            return ""
        scope = self.prometheus.scope(self.setting)
        return self.prometheus.graph(*(query(scope) for query in queries))


def links_of(provenance: Provenance, setting: str) -> SettingLinks:
    """Return the links of a setting of this run."""
    return SettingLinks(setting, jaeger_of(provenance), prometheus_of(provenance))
