"""Queries as the addresses of Prometheus' web page (version 3), with a run's time as its graph's."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from lbstudy.searches.scope import Scope


@dataclass(frozen=True, slots=True)
class PrometheusQueries:
    """The queries about one run.

    Attributes:
        base: Prometheus' page, "http://127.0.0.1:9090".
        run_id: the run.
        zero: the run's time zero, s since the Unix epoch.
        duration: the duration of the load, s.
    """

    base: str
    run_id: str
    zero: float
    duration: float

    def scope(self, setting: str, server: str = "") -> Scope:
        """One setting of this run, or one server of it."""
        return Scope(literal(self.run_id), literal(setting), literal(server), whole=f"{self._range()}s")

    def graph(self, *exprs: str) -> str:
        """Return the queries' values over the whole run, second by second, with a graph each."""
        end = datetime.fromtimestamp(self.zero + self.duration, UTC)
        query = {
            f"g{number}.{name}": value
            for number, expr in enumerate(exprs)
            for name, value in (
                ("expr", expr),
                ("show_tree", "0"),
                ("tab", "graph"),
                ("end_input", f"{end:%Y-%m-%d %H:%M:%S}"),
                ("range_input", f"{self._range()}s"),
                ("res_type", "fixed"),
                ("res_step", "1"),
                ("display_mode", "lines"),
                ("show_exemplars", "1"),
            )
        }
        return f"{self.base.rstrip('/')}/query?{urlencode(query)}"

    def _range(self) -> int:
        return math.ceil(self.duration) + 5


def literal(text: str) -> str:
    """Return a regular expression that matches only this text, escaped for PromQL's quotes."""
    pattern = re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
    return pattern.replace("\\", "\\\\").replace('"', '\\"')
