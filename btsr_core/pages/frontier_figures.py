"""Figures of accuracy against coverage, of exposure, and of who gains."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.pareto import pareto_front
from btsr_core.pages.frontier_tables import (
    ALPHA,
    FEATURES,
    Dials,
    mean_points,
    span,
)
from btsr_core.pages.results import Systems, values_of
from btsr_core.pages.styles import GREY, style_of
from btsr_core.pages.template import height_for, new_figure, new_panels, nothing_to_draw

_SEED, _MEAN = 7, 13
"""Sizes of marks."""
_PALE = 0.45


def system_frontier(points: pd.DataFrame, coverage: str, accuracy: str) -> go.Figure:
    """Show all systems: seeds small and pale, means large, and the front of the means.

    Parameters
    ----------
    points
        A row a run, as `results.metric_points` gives them.
    coverage, accuracy
        Metrics, of the x and the y axis.
    """
    known = points.dropna(subset=[coverage, accuracy])
    means = mean_points(points, coverage, accuracy)
    title = f"{accuracy} against {coverage}: seeds small, means large"
    figure = new_figure(title, height=height_for(480, len(means)))
    add_front(figure, means[means["front"]][[coverage, accuracy]].to_numpy(np.float64))
    for name, rows in known.groupby("system", sort=False):
        style = style_of(str(name))
        if len(rows) > 1:
            figure.add_scatter(
                x=rows[coverage], y=rows[accuracy], mode="markers", name=f"{name}, seeds",
                marker={**style.marker(_SEED), "opacity": _PALE}, showlegend=False,
                legendgroup=str(name), text=[f"seed {seed}" for seed in rows["seed"]],
            )  # fmt: skip
        figure.add_scatter(
            x=[rows[coverage].mean()], y=[rows[accuracy].mean()], mode="markers", name=str(name),
            marker=style.marker(_MEAN), legendgroup=str(name),
        )  # fmt: skip
    return _named(figure, coverage, accuracy)


def dial_frontier(
    turned: Dials, found: Systems, coverage: str, accuracy: str, reading: str
) -> go.Figure:
    """Show where alpha takes the regularised system, a panel a dial; other systems' means beside.

    Parameters
    ----------
    turned
        As `frontier_tables.dials` gives them.
    found
        The systems to show beside them.
    coverage, accuracy
        Metrics, of the x and the y axis.
    reading
        Of the test pool.
    """
    title = f"{accuracy} against {coverage} along {ALPHA} (at the marks)"
    if not turned:
        return nothing_to_draw(title)
    figure = new_panels(title, list(turned), height=height_for(480, len(found) + 2))
    figure.update_layout(margin={"t": 88})
    for column, (label, dial) in enumerate(turned.items(), start=1):
        cell: dict[str, Any] = {"row": 1, "col": column}
        style = style_of(label.split(",")[0])
        clouds = [_cloud(own, coverage, accuracy, reading) for own in dial.values()]
        means = np.array([cloud.mean(axis=0) for cloud in clouds])
        beside = {name: _cloud(own, coverage, accuracy, reading).mean(axis=0)
                  for name, own in found.items()}  # fmt: skip
        everything = np.array([*means, *beside.values()])
        add_front(figure, everything[pareto_front(everything)], shown=column == 1, **cell)
        for name, mean in beside.items():
            figure.add_scatter(
                x=mean[:1], y=mean[1:], mode="markers", name=name, legendgroup=name,
                marker={**style_of(name).marker(_MEAN - 3), "opacity": 0.8},
                showlegend=column == 1, **cell,
            )  # fmt: skip
        seeds = np.concatenate(clouds)
        names = [f"{ALPHA} = {alpha:g}" for alpha in dial]
        figure.add_scatter(
            x=seeds[:, 0], y=seeds[:, 1], mode="markers",
            name=f"seeds along {ALPHA}",
            marker={**style.marker(_SEED), "opacity": _PALE}, showlegend=column == 1,
            text=[name for name, own in zip(names, clouds, strict=True) for _ in own],
            **cell,
        )  # fmt: skip
        figure.add_scatter(
            x=means[:, 0], y=means[:, 1], mode="lines+markers+text",
            name=f"means along {ALPHA}",
            text=[f"{alpha:g}" for alpha in dial],
            textposition=["top center", "bottom center"] * (len(dial) // 2)
            + ["top center"] * (len(dial) % 2),
            marker={**style.marker(9), "symbol": "circle"},
            line={"color": style.colour, "width": 1.5}, showlegend=column == 1, **cell,
        )  # fmt: skip
    figure.update_yaxes(matches="y")
    return _named(figure, coverage, accuracy)


def add_front(figure: go.Figure, front: FloatArray, *, shown: bool = True, **cell: Any) -> None:
    """Draw the edge of the area that the points of a front dominate, (n, 2), over the origin."""
    if not len(front):
        return
    x, y = np.unique(front, axis=0).T  # x ascending, hence y descending
    figure.add_scatter(
        x=[0, *x, x[-1]], y=[y[0], *y, 0], mode="lines", name="front of the means",
        line={"shape": "vh", "dash": "dot", "color": GREY, "width": 1.5}, fill="tozeroy",
        fillcolor="rgba(140,140,140,0.08)", hoverinfo="skip", showlegend=shown, **cell,
    )  # fmt: skip


def gain_panels(
    found: Mapping[str, pd.DataFrame], metric: str, names: tuple[str, str]
) -> go.Figure:
    """Show the mean difference of each group of users, with its interval, a panel a feature.

    Parameters
    ----------
    found
        As `frontier_tables.gains` gives it.
    metric
        Of the differences.
    names
        The systems, first less second.
    """
    first, second = names
    title = f"{first} minus {second} by what is known of the user (95 % intervals)"
    figure = new_panels(title, ["by history", "by target"], height=400, showlegend=False)
    style = style_of(first)
    for column, (feature, table) in enumerate(found.items(), start=1):
        groups = [
            f"{span(low, high)}<br>n {n:,}"
            for low, high, n in zip(table["from"], table["to"], table["n"], strict=True)
        ]
        figure.add_scatter(
            x=groups, y=table["difference"], mode="markers", marker=style.marker(11),
            name=FEATURES[feature], error_y=_bars(table), row=1, col=column,
        )  # fmt: skip
        figure.update_xaxes(
            title_text=FEATURES[feature], type="category", tickangle=0, tickfont={"size": 11},
            row=1, col=column,
        )  # fmt: skip
        figure.add_hline(y=0, line_color=GREY, line_dash="dash", row=1, col=column)
    figure.update_yaxes(matches="y")
    figure.update_yaxes(title_text=f"difference of {metric}", col=1)
    return figure


def _bars(table: pd.DataFrame) -> dict[str, Any]:
    """Return Plotly's error bars; none where there is no interval."""
    above, below = table["high"] - table["difference"], table["difference"] - table["low"]
    return {
        "type": "data", "symmetric": False, "thickness": 2, "width": 6,
        "array": [None if np.isnan(one) else one for one in above],
        "arrayminus": [None if np.isnan(one) else one for one in below],
    }  # fmt: skip


def _cloud(records: Sequence[Any], coverage: str, accuracy: str, reading: str) -> FloatArray:
    """Return (S, 2) points."""
    return np.stack([values_of(records, metric, reading) for metric in (coverage, accuracy)], 1)


def _named(figure: go.Figure, coverage: str, accuracy: str) -> go.Figure:
    figure.update_xaxes(title_text=f"{coverage} (share of the catalogue)", rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(yaxis={"title": {"text": f"{accuracy} (mean over targets)"}})
    return figure
