"""Figures of dials that serve every alpha beside models that are trained for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from btsr_core.analysis.intervals import FloatArray
from btsr_core.dial.choice import TARGET, Rival
from btsr_core.pages.continuous_tables import TRAINED, Rivals, widest
from btsr_core.pages.frontier_tables import ALPHA
from btsr_core.pages.score_tables import seed_interval
from btsr_core.pages.styles import GREEN, GREY, PURPLE, VERMILION, Style
from btsr_core.pages.template import new_figure, new_panels, nothing_to_draw

_LOOKS = {
    "conditioned": Style(GREEN, "square", "full", "solid"),
    "interpolated": Style(PURPLE, "diamond", "full", "dash"),
}
_TRAINED = Style(VERMILION, "circle", "full", "dot")
_SEED, _MEAN, _END = 6, 10, 12
_PALE = 0.4


def paths(found: Rivals, coverage: str, accuracy: str, reading: str) -> go.Figure:
    """Show where alpha takes each dial and the trained models, in the plane of two metrics.

    Parameters
    ----------
    found
        As `continuous_tables.recorded_rivals` gives them.
    coverage, accuracy
        Metrics, of the x and the y axis.
    reading
        Of the test pool.
    """
    title = f"{accuracy} against {coverage} along {ALPHA}: means, and seeds of trained models"
    if not found:
        return nothing_to_draw(title)
    figure = new_figure(title, height=520)
    first = widest(found)
    points = first.trained_points(coverage, accuracy, reading)
    names = [f"{ALPHA} = {alpha:g}, seed {seed}" for seed in first.seeds for alpha in first.alphas]
    seeds = points.reshape(-1, 2)
    figure.add_scatter(
        x=seeds[:, 0], y=seeds[:, 1], mode="markers", name=f"{TRAINED}, seeds", text=names,
        marker={**_TRAINED.marker(_SEED), "opacity": _PALE},
    )  # fmt: skip
    means = points.mean(axis=0)
    figure.add_scatter(
        x=means[:, 0], y=means[:, 1], mode="lines+markers+text", name=TRAINED,
        text=[f"{alpha:g}" for alpha in first.alphas], textposition=_around(len(first.alphas)),
        line={"color": _TRAINED.colour, "dash": _TRAINED.dash, "width": 1.5},
        marker=_TRAINED.marker(_MEAN),
    )  # fmt: skip
    for kind, one in found.items():
        look = _LOOKS[kind]
        path = _grid(one, (coverage, accuracy), reading).mean(axis=0)
        figure.add_scatter(
            x=path[:, 0], y=path[:, 1], mode="lines", name=f"{one.label}, every {ALPHA}",
            line={"color": look.colour, "dash": look.dash, "width": 2.5},
            text=[f"{ALPHA} = {alpha:g}" for alpha in one.dials[0].alphas],
        )  # fmt: skip
        marks = one.dial_points(coverage, accuracy, reading).mean(axis=0)
        marker = look.marker(_MEAN)
        open_ = f"{look.shape}-open"
        marker |= {
            "symbol": [open_, *[look.shape] * (len(marks) - 1)],
            "line": {"width": 2, "color": look.colour},
        }
        figure.add_scatter(
            x=marks[:, 0], y=marks[:, 1], mode="markers", marker=marker,
            name=f"{one.label} at these {ALPHA}, {one.alphas[0]:g} open",
            text=[f"{ALPHA} = {alpha:g}" for alpha in one.alphas],
        )  # fmt: skip
    figure.update_xaxes(title_text=f"{coverage} (share of the catalogue)")
    figure.update_yaxes(title_text=f"{accuracy} (mean over targets)")
    return figure


def along(found: Rivals, metrics: Sequence[str], reading: str) -> go.Figure:
    """Show metrics over alpha: a dial's as a line, trained models' as marks with intervals.

    Parameters
    ----------
    found
        As `continuous_tables.recorded_rivals` gives them.
    metrics
        A panel each.
    reading
        Of the test pool.
    """
    title = f"Metrics over {ALPHA}: means with Student's 95 % intervals over seeds"
    if not found:
        return nothing_to_draw(title)
    figure = new_panels(title, list(metrics), height=460)
    for column, metric in enumerate(metrics, start=1):
        cell: dict[str, Any] = {"row": 1, "col": column}
        shown = column == 1
        for kind, one in found.items():
            look, alphas = _LOOKS[kind], one.dials[0].alphas
            values = _grid(one, (metric,), reading)[..., 0]  # (S, A)
            bands = [seed_interval(own) for own in values.T]
            if len(one.seeds) > 1:
                figure.add_scatter(
                    x=[*alphas, *alphas[::-1]],
                    y=[*(b.high for b in bands), *(b.low for b in bands[::-1])],
                    fill="toself", fillcolor=_faint(look.colour), line={"width": 0},
                    hoverinfo="skip", showlegend=False, legendgroup=kind, mode="lines", **cell,
                )  # fmt: skip
            figure.add_scatter(
                x=alphas, y=values.mean(axis=0), mode="lines", name=one.label, legendgroup=kind,
                line={"color": look.colour, "dash": look.dash, "width": 2.5}, showlegend=shown,
                **cell,
            )  # fmt: skip
        first = widest(found)
        points = first.trained_points(metric, metric, reading)[..., 0]
        bars = [seed_interval(own) for own in points.T]
        figure.add_scatter(
            x=first.alphas, y=[bar.mean for bar in bars], mode="markers", name=TRAINED,
            marker=_TRAINED.marker(_MEAN), legendgroup="trained", showlegend=shown,
            error_y=_error(points), **cell,
        )  # fmt: skip
        figure.update_xaxes(title_text=ALPHA, zeroline=False, **cell)
        unit = "share of the catalogue" if metric.startswith("cov") else "mean over targets"
        figure.update_yaxes(title_text=f"{metric} ({unit})", **cell)
    return figure


def shares_by_seed(found: Rivals, coverage: str, accuracy: str, reading: str) -> go.Figure:
    """Show which share of the trained models' area each dial reaches, a mark a seed."""
    title = f"Area of each dial, of that of {TRAINED} (dashed: target, {100 * TARGET:g} %)"
    if not found:
        return nothing_to_draw(title)
    figure = new_figure(title, height=320)
    for kind, one in found.items():
        ratios, look = 100 * one.ratios(coverage, accuracy, reading), _LOOKS[kind]
        figure.add_scatter(
            x=[f"seed {seed}" for seed in one.seeds], y=ratios, mode="markers", name=one.label,
            marker=look.marker(_END),
        )  # fmt: skip
    figure.add_hline(y=100 * TARGET, line_color=GREY, line_dash="dash")
    figure.update_xaxes(title_text="seed of the training", type="category")
    figure.update_yaxes(title_text="share of the area (%)")
    return figure


def _grid(one: Rival, metrics: Sequence[str], reading: str) -> FloatArray:
    """Return (S, A, M) values of a dial on its grid."""
    return np.array(
        [[dial.values(metric, reading) for metric in metrics] for dial in one.dials]
    ).transpose(0, 2, 1)


def _error(values: FloatArray) -> dict[str, Any]:
    """Return Plotly's bars of (S, J) values; none of one seed."""
    bars = [seed_interval(own) for own in values.T]
    return {
        "type": "data", "thickness": 2, "width": 5,
        "array": [None if np.isnan(bar.high) else bar.high - bar.mean for bar in bars],
    }  # fmt: skip


def _around(n: int) -> list[str]:
    return [("top center", "bottom center")[place % 2] for place in range(n)]


def _faint(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, 0.15)"
