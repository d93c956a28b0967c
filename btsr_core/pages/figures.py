"""Figures of data and of single runs: one function a figure, data in and a figure out."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.analysis.intervals import Interval
from btsr_core.data.timeline import to_dates
from btsr_core.names import system_name
from btsr_core.pages.styles import BLUE, GREY, VERMILION, style_of
from btsr_core.pages.template import HEIGHT, TEMPLATE, height_for, new_figure, new_panels
from btsr_core.runs import Run

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def timeline(
    timestamps: "pd.Series[Any]", cutoff: float, is_pool: npt.NDArray[np.bool_]
) -> go.Figure:
    """Show when interactions happened, and where the cutoff divides users.

    Parameters
    ----------
    timestamps
        (N,) time of each interaction.
    cutoff
        T, in the same unit.
    is_pool
        (N,) whether the interaction's user acts at or after T.
    """
    edges = np.histogram_bin_edges(timestamps.to_numpy(float), bins=60)
    # Bars' middles, both ends and the cutoff together, so that all are dates or none is.
    places = pd.Series([*(edges[:-1] + edges[1:]) / 2, edges[0], edges[-1], cutoff])
    dates = to_dates(places)
    *middles, _, _, mark = places if dates is None else dates
    figure = new_figure("When the interactions happened", barmode="stack", bargap=0)
    for name, rows, colour in (
        ("users who train", ~is_pool, BLUE),
        ("users held out", is_pool, VERMILION),
    ):
        counts, _ = np.histogram(timestamps[rows].to_numpy(float), edges)
        bars = {"color": colour, "line": {"width": 0}}
        figure.add_bar(x=middles, y=counts, name=name, marker=bars)
    figure.add_shape(
        type="line", x0=mark, x1=mark, y0=0, y1=1, yref="paper",
        line={"dash": "dash", "color": GREY},
    )  # fmt: skip
    figure.add_annotation(
        x=mark, y=1, yref="paper", yanchor="bottom", showarrow=False, text="cutoff T"
    )
    figure.update_xaxes(title_text="time of the interaction" if dates is None else "date")
    figure.update_yaxes(title_text="interactions")
    return figure


def history_lengths(lengths: Mapping[str, IntArray]) -> go.Figure:
    """Show how much is known about test users: the items in their input, by history reading."""
    figure = new_figure("How long the test users' histories are")
    for (name, values), colour in zip(lengths.items(), (VERMILION, BLUE), strict=False):
        ordered = np.sort(values)
        share = 100 * (1 - np.arange(len(ordered)) / max(len(ordered), 1))
        figure.add_scatter(
            x=ordered, y=share, name=f"{name} ({len(values):,} users)", mode="lines",
            line={"shape": "hv", "color": colour, "width": 2.5},
        )  # fmt: skip
    marks = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
    figure.update_xaxes(
        title_text="items in the history, at least", type="log",
        tickvals=marks, ticktext=[f"{mark:,}" for mark in marks],
    )  # fmt: skip
    figure.update_yaxes(title_text="test users (%)", rangemode="tozero")
    return figure


def concentration(counts: IntArray, gini: float) -> go.Figure:
    """Show how the training interactions concentrate on few items.

    Parameters
    ----------
    counts
        (n_items,) training interactions of each item.
    gini
        Their Gini coefficient.
    """
    ordered = np.sort(counts)[::-1]
    items = 100 * np.arange(len(ordered) + 1) / len(ordered)
    share = 100 * np.concatenate([[0], ordered.cumsum()]) / ordered.sum()
    figure = new_figure(f"How interactions concentrate on items (Gini {gini:.2f})")
    figure.add_scatter(
        x=items, y=share, name="this dataset", mode="lines", line={"color": BLUE, "width": 2.5}
    )
    figure.add_scatter(
        x=[0, 100], y=[0, 100], name="all items equally popular", mode="lines",
        line={"color": GREY, "dash": "dash"},
    )  # fmt: skip
    figure.update_xaxes(title_text="most popular items (% of all)", range=[0, 100])
    figure.update_yaxes(title_text="training interactions (%)", range=[0, 102])
    return figure


def correlation_maps(
    maps: Mapping[str, npt.ArrayLike], title: str, *, numbers: bool = False
) -> go.Figure:
    """Show correlation matrices C (Eq. 6) side by side on one colour scale.

    Parameters
    ----------
    maps
        Name of each panel and its (D, D) matrix.
    title
        Of the figure.
    numbers
        Whether to print the entries, for small matrices.
    """
    names = ["\n".join(textwrap.wrap(name, 20)) for name in maps]
    figure = new_panels(title, names, height=HEIGHT if len(maps) < 3 else 340)
    for column, c in enumerate(map(np.asarray, maps.values()), start=1):
        axis = np.arange(1, len(c) + 1)
        figure.add_heatmap(
            z=c, x=axis, y=axis, coloraxis="coloraxis", row=1, col=column,
            text=np.round(c, 2) if numbers else None,
            texttemplate="%{text:.2f}" if numbers else None,
            hovertemplate="C<sub>%{y},%{x}</sub> = %{z:.3f}<extra></extra>",
        )  # fmt: skip
        figure.update_yaxes(
            autorange="reversed", scaleanchor=f"x{'' if column == 1 else column}",
            constrain="domain", title_text="anchor dimension i" if column == 1 else None,
            dtick=1 if numbers else None, showgrid=False, row=1, col=column,
        )  # fmt: skip
        figure.update_xaxes(
            constrain="domain", title_text="partner dimension j", showgrid=False,
            dtick=1 if numbers else None, row=1, col=column,
        )  # fmt: skip
    figure.update_layout(
        coloraxis={
            "colorscale": "RdBu", "reversescale": True, "cmin": -1, "cmax": 1,
            "colorbar": {"title": {"text": "C<sub>ij</sub>"}, "thickness": 14, "len": 0.9},
        }
    )  # fmt: skip
    return figure


def learning_curves(systems: Mapping[str, Sequence[Run]]) -> go.Figure:
    """Show validation accuracy and coverage after each epoch, a line a run, a colour a system."""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    figure.update_layout(
        template=TEMPLATE, height=height_for(560, len(systems)),
        title={"text": "Validation metrics over training (marks: epoch kept)"},
    )  # fmt: skip
    for row, metric in enumerate(("ndcg@10", "cov@10"), start=1):
        for name, runs in systems.items():
            style = style_of(name)
            for order, run in enumerate(runs):
                frame, best = run.history, run.summary["best_epoch"]
                figure.add_scatter(
                    x=frame["epoch"], y=frame[f"valid_{metric}"], mode="lines+markers", name=name,
                    legendgroup=name, showlegend=row == 1 and order == 0,
                    line={"color": style.colour, "dash": style.dash, "width": 1.5}, opacity=0.85,
                    marker=style.marker(np.where(frame["epoch"] == best, 12, 0)),
                    row=row, col=1,
                )  # fmt: skip
        figure.update_yaxes(title_text=metric, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title_text="epoch", row=2, col=1)
    return figure


def loss_terms(run: Run) -> go.Figure:
    """Show the objective and the regulariser of a run over training, before any weight."""
    loss = run.experiment.loss
    columns = {"loss_prediction": loss.objective.label, "loss_regulariser": loss.regulariser.label}
    title = f"Loss of {system_name(loss)} over training (means over an epoch)"
    figure = new_panels(title, list(columns.values()), height=340, showlegend=False)
    style = style_of(system_name(loss))
    for column, name in enumerate(columns, start=1):
        figure.add_scatter(
            x=run.history["epoch"], y=run.history[name], mode="lines+markers",
            line={"color": style.colour, "dash": style.dash}, marker=style.marker(9),
            row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title_text="epoch", dtick=max(1, len(run.history) // 6))
    figure.update_yaxes(title_text="loss", col=1)
    return figure


def frontier(points: pd.DataFrame, accuracy: str, coverage: str) -> go.Figure:
    """Show accuracy against coverage, a mark a run; up and to the right is better.

    Parameters
    ----------
    points
        Columns `system`, `accuracy` and `coverage` by the names given; a row a run.
    """
    systems = points.groupby("system", sort=False)
    title = f"{accuracy} against {coverage} on the test users"
    figure = new_figure(title, height=height_for(HEIGHT, len(systems)))
    for name, rows in systems:
        figure.add_scatter(
            x=rows[coverage], y=rows[accuracy], mode="markers", name=str(name),
            marker=style_of(str(name)).marker(13),
        )  # fmt: skip
    figure.update_xaxes(title_text=f"{coverage} (share of the catalogue)", rangemode="tozero")
    figure.update_yaxes(title_text=f"{accuracy} (mean over users)", rangemode="tozero")
    return figure


def differences(gains: Mapping[str, Mapping[str, Interval]], system: str) -> go.Figure:
    """Show by how much a system exceeds others, metric by metric, with 95 % intervals.

    Parameters
    ----------
    gains
        Per other system, metric and interval.
    system
        The one compared.
    """
    title = f"{system} minus the others, paired by user (95 % intervals)"
    bars = sum(map(len, gains.values()))
    figure = new_figure(title, height=height_for(max(HEIGHT, 200 + 14 * bars), len(gains)))
    figure.update_layout(scattermode="group", scattergap=0.6)
    figure.add_vline(x=0, line_color=GREY, line_dash="dash")
    for other, intervals in gains.items():
        found = list(intervals.values())
        figure.add_scatter(
            x=[one.mean for one in found], y=list(intervals), mode="markers", orientation="h",
            name=f"minus {other}",
            marker=style_of(other).marker(10),
            error_x={
                "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                "array": [one.high - one.mean for one in found],
                "arrayminus": [one.mean - one.low for one in found],
            },
        )  # fmt: skip
    figure.update_xaxes(title_text="difference of the means over users")
    figure.update_yaxes(title_text="metric", autorange="reversed")
    return figure
