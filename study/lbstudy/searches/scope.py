"""The scope of a query, as PromQL's selectors and joins on the labels of prometheus/rules/lanes.yaml."""

from dataclasses import dataclass
from typing import Final

RUN: Final = ("lbstudy_run_id", "lbstudy_setting")
LANE: Final = ("namespace", "service", *RUN)
POD: Final = "server_k8s_pod_name"
OF_POD: Final = ("k8s_namespace_name", "service_namespace", "service_name", "k8s_pod_name", *RUN)
"""The labels of a pod's own metrics that identify it; ``server:told`` leads from them to the lane."""
OF_TARGET: Final = ("k8s_namespace_name", "grpc_lb_resolver_target", *RUN)
"""The labels of a channel's metrics for its target; ``target:lane`` leads from them to the lane."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query is about: regular expressions (RE2), or variables of a dashboard.

    Attributes:
        run: ``lbstudy.run.id``; empty for what is not a run.
        setting: ``lbstudy.setting``; empty for what is not a run.
        server: the server's pod name; "" for all, including RPCs that no server answered.
        namespace: the servers' namespace; "" for all.
        service: ``service.name`` of the servers; "" for all.
        window: of rates, a PromQL duration: at least four times the export interval.
        whole: the range of totals, a PromQL duration.
    """

    run: str
    setting: str = ".*"
    server: str = ""
    namespace: str = ""
    service: str = ""
    window: str = "4s"
    whole: str = "1h"

    def of_run(self, metric: str, *more: str) -> str:
        """Return the selector of what the study itself reports about a run."""
        return _selector(metric, *self._run(), *more)

    def of_lane(self, metric: str, *more: str) -> str:
        """Return the selector of a recorded series of lanes, or of their clients."""
        return _selector(metric, *self._run(), *self._lane(), *more)

    def of_server(self, metric: str, *more: str) -> str:
        """Return the selector of a recorded series of single servers."""
        return _selector(metric, *self._run(), *self._lane(), *self._server(), *more)

    def of_client(self, metric: str, *more: str) -> str:
        """Return the selector of what clients export of their RPCs; it has the server, but not the lane."""
        return _selector(metric, *self._run(), *self._server(), *more)

    def of_pod(self, metric: str, *more: str) -> str:
        """Return the selector of what server pods export of themselves."""
        server = [f'k8s_pod_name=~"{self.server}"'] if self.server else ['k8s_pod_name!=""']
        service = [f'service_name=~"{self.service}"'] if self.service else []
        return _selector(metric, *self._run(), *service, *server, *more)

    # --- Joins: from an export's own labels to the lane's ---------------------------------------------

    def clients(self, inner: str, *by: str, over: str = "") -> str:
        """Sum what clients export by lane and ``by``; ``over``: the range in which a server was seen."""
        seen = self.of_server("server:lane")
        if over:
            seen = f"topk by ({_labels(*RUN, POD)}) (1, last_over_time({seen}[{over}]))"
        joined = (
            f"{total(inner, *RUN, POD, *_other(by))} * on ({_labels(*RUN, POD)})"
            f" group_left (namespace, service) {seen}"
        )
        return total(joined, *LANE, *by)

    def pods(self, inner: str, *by: str, over: str = "") -> str:
        """Sum what server pods export by lane and ``by``."""
        seen = self.of_server("server:told")
        if over:
            seen = f"last_over_time({seen}[{over}])"
        joined = (
            f"{total(inner, *OF_POD, *_other(by))} * on ({_labels(*OF_POD)})"
            f" group_left (namespace, service, {POD}) {seen}"
        )
        return total(joined, *LANE, *by)

    def channels(self, metric: str, *by: str, window: str = "") -> str:
        """What clients export of their channels, summed by lane and ``by``; ``window``: of its rate."""
        inner = f"rate({self.of_run(metric)}[{window}])" if window else self.of_run(metric)
        joined = (
            f"{total(inner, *OF_TARGET, *by)} * on ({_labels(*OF_TARGET)})"
            f" group_left (namespace, service) {self.of_lane('target:lane')}"
        )
        return total(joined, *LANE, *by)

    def _run(self) -> list[str]:
        return [f'lbstudy_run_id=~"{self.run}"', f'lbstudy_setting=~"{self.setting}"']

    def _lane(self) -> list[str]:
        named = {"namespace": self.namespace, "service": self.service}
        return [f'{label}=~"{value}"' for label, value in named.items() if value]

    def _server(self) -> list[str]:
        return [f'{POD}=~"{self.server}"'] if self.server else []


def total(inner: str, *by: str) -> str:
    """Return the sum by these labels."""
    return f"sum by ({_labels(*by)}) ({inner})"


def _other(by: tuple[str, ...]) -> list[str]:
    return [label for label in by if label != POD]


def _labels(*labels: str) -> str:
    return ", ".join(labels)


def _selector(metric: str, *matchers: str) -> str:
    return f"{metric}{{{','.join(matchers)}}}"
