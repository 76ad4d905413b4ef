"""Panels in the study's manner: one query or a few, a unit, and a description that says what is shown."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.barchart import Panel as BarChart
from grafana_foundation_sdk.builders.common import (
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.heatmap import HeatmapColorOptions, YAxisConfig
from grafana_foundation_sdk.builders.heatmap import Panel as Heatmap
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.dashboards.frame import PROMETHEUS

HALF: Final = 12
WHOLE: Final = 24
_HEIGHT: Final = 8

PER_SECOND: Final = "reqps"
SECONDS: Final = "s"
RATIO: Final = "percentunit"
COUNT: Final = "short"
BYTES: Final = "bytes"


BY_LANE: Final = "{{service}} {{lbstudy_setting}}"
"""A service, and in a run the setting."""
BY_SERVER: Final = "{{server_k8s_pod_name}}"


@dataclass(frozen=True, slots=True)
class Query:
    """A line, or a group of lines, of a panel.

    Attributes:
        expr: PromQL.
        legend: of each series; ``{{label}}`` stands for a label's value.
        exemplars: whether single RPCs are shown, each with a link to its trace.
    """

    expr: str
    legend: str = BY_LANE
    exemplars: bool = False


def lines(
    title: str, description: str, unit: str, *queries: Query, span: int = HALF, stacked: bool = False
) -> TimeSeries:
    """Values over time; ``stacked`` ones as areas on top of each other."""
    panel = (
        TimeSeries()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .span(span)
        .height(_HEIGHT)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .line_interpolation(LineInterpolation.LINEAR)
        .line_width(1)
        .fill_opacity(40 if stacked else 0)
        .show_points(VisibilityMode.NEVER)
        # A server that is gone leaves a gap, not a line to the next one.
        .span_nulls(False)
    )
    if stacked:
        panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(ref, query))
    return panel


def steps(title: str, description: str, unit: str, *queries: Query, span: int = HALF) -> TimeSeries:
    """Numbers that hold until the next change."""
    return lines(title, description, unit, *queries, span=span).line_interpolation(
        LineInterpolation.STEP_AFTER
    )


def bars(title: str, description: str, expr: str, rows: str, columns: str, span: int = HALF) -> BarChart:
    """A histogram of the whole time range: a bar for each value of a label, in parts by another label."""
    return (
        BarChart()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(COUNT)
        .min(0)
        .span(span)
        .height(_HEIGHT)
        .with_target(
            Dataquery().ref_id("A").datasource(PROMETHEUS).expr(expr).format(PromQueryFormat.TABLE).instant()
        )
        .with_transformation(
            DataTransformerConfig(
                id_val="groupingToMatrix",
                options={
                    "rowField": rows,
                    "columnField": columns,
                    "valueField": "Value",
                    "emptyValue": "null",
                },
            )
        )
        .x_field(f"{rows}\\{columns}")  # what the transformation calls its first column
        .stacking(StackingMode.NORMAL)
        .show_value(VisibilityMode.AUTO)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def heatmap(title: str, description: str, expr: str, span: int = WHOLE) -> Heatmap:
    """A histogram's buckets over time."""
    return (
        Heatmap()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(PER_SECOND)
        .span(span)
        .height(_HEIGHT)
        .calculate(False)
        .color(HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .y_axis(YAxisConfig().unit(SECONDS))
        .with_target(
            Dataquery()
            .ref_id("A")
            .datasource(PROMETHEUS)
            .expr(expr)
            .format(PromQueryFormat.HEATMAP)
            .legend_format("{{le}}")
            .exemplar(True)
            .range()
        )
    )


def _target(ref: str, query: Query) -> Dataquery:
    return (
        Dataquery()
        .ref_id(ref)
        .datasource(PROMETHEUS)
        .expr(query.expr)
        .legend_format(query.legend)
        .exemplar(query.exemplars)
        .range()
    )
