"""What all dashboards share: variables, annotations, links to each other, the order of panels."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from lbstudy.searches import promql
from lbstudy.searches.scope import LANE, POD, Scope

TAG: Final = "grpc-lb-study"
PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
SCOPE: Final = Scope(
    namespace="$namespace",
    service="$service",
    run="$run",
    setting="$setting",
    server="$server",
    window="$__rate_interval",
    whole="$__range",
)
"""The dashboards' variables in place of a lane's own values."""

_ALL: Final = VariableOption(selected=True, text="All", value="$__all")
_EVENTS: Final = (
    # The command as a line; the instants at which DNS changed are told exactly, as the series' value.
    ("Scale commands", "orange", promql.scale_events(SCOPE), "scale to {{servers}} servers", False),
    ("DNS changes", "light-blue", promql.dns_changes(SCOPE), "a server entered or left DNS", True),
    ("Faults", "red", promql.faults(SCOPE), "{{lbstudy_fault_label}}", False),
)


def dashboard(uid: str, title: str, description: str, panels: Sequence[Builder[Panel]]) -> DashboardModel:
    """A dashboard with the study's variables and annotations."""
    builder = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-15m", "now")
        .refresh("5s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables(
            [
                DatasourceVariable("datasource").label("Data source").type("prometheus"),
                _of_lane("namespace", "Namespace", 0),
                _of_lane("service", "Service", 1),
                # The newest first: a run's id begins with its date. What is no run is among all.
                _of_lane("run", "Run of the study", 2).sort(VariableSort.ALPHABETICAL_DESC),
                _of_lane("setting", "Setting", 3),
                _choices("server", "Server", f"server:known{{{_chosen(4)}}}", POD),
            ]
        )
        .link(
            DashboardLink("gRPC load balancing")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for name, color, expr, title_format, is_exact in _EVENTS:
        builder.annotation(
            AnnotationQuery()
            .name(name)
            .datasource(PROMETHEUS)
            .enable(True)
            .icon_color(color)
            .expr(expr)
            .step("1s")
            .title_format(title_format)
            .text_format("{{lbstudy_setting}}")
            .tag_keys("lbstudy_setting")
            .use_value_for_time(is_exact)
        )
    for panel in panels:
        builder.with_panel(panel)
    built = builder.build()
    for number, one in enumerate(built.panels or [], start=1):
        if isinstance(one, Panel):
            one.id_val = number  # links to a panel name it
    return built


def _of_lane(name: str, label: str, number: int) -> QueryVariable:
    """What lanes have as the label of this number, among those that the variables before it choose."""
    return _choices(name, label, f"lane:readiness:observed{{{_chosen(number)}}}", LANE[number])


def _chosen(number: int) -> str:
    names = ("namespace", "service", "run", "setting")
    return ",".join(f'{label}=~"${name}"' for label, name in zip(LANE[:number], names, strict=False))


def _choices(name: str, label: str, series: str, of: str) -> QueryVariable:
    query = f"label_values({series}, {of})"
    return (
        QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query({"query": query, "refId": f"variable-{name}"})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        # Also what has no such label: RPCs that no server answered, services that are in no run.
        .all_value(".*")
        .current(_ALL)
    )
