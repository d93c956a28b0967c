"""Figures of recorded scores, spectra and probabilities, in the book's template."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from scipy.stats import gaussian_kde

from btsr_core.analysis.overlap import N_NEGATIVES
from btsr_core.pages.results import Systems, values_of
from btsr_core.pages.styles import GREY, style_of
from btsr_core.pages.template import TEMPLATE, height_for, new_figure, new_panels
from btsr_core.settings import BCE, GBCE
from btsr_core.study.measure import WIDEST
from btsr_core.study.records import Record

Array = npt.NDArray[Any]

CURVE_POINTS = 200
TICKS = (1, 2, 5, 10, 20, 50)
BINARY = (BCE().name, GBCE().name)
"""Objectives whose sigmoid(r) claims to be a probability."""
_FAINT = 0.35
_LEAST_SHARE = -4
"""Power of ten at which the axis of spectra ends: directions below are as good as none."""


def smooth(edges: Array, density: Array, n: float) -> tuple[Array, Array]:
    """Return a Gaussian kernel density of a histogram: (P,) places and (P,) heights.

    The kernels stand at the middles of the bins, as wide as Scott's rule makes them for the sample
    that was counted, but no narrower than a bin, which would draw the bins and not the density. No
    place if all mass is in one bin, or there is none.

    Parameters
    ----------
    edges
        (bins + 1,) of a histogram.
    density
        (bins,) that integrates to one.
    n
        Size of the sample.
    """
    mass = np.nan_to_num(density * np.diff(edges))
    if np.count_nonzero(mass) < 2:
        return np.empty(0), np.empty(0)
    middles = (edges[1:] + edges[:-1]) / 2
    weights = mass / mass.sum()
    scott = gaussian_kde(middles, float(n) ** -0.2, weights=weights)
    widest = float(np.diff(edges).max() / np.sqrt(scott.covariance[0, 0]))
    places = np.linspace(edges[0], edges[-1], CURVE_POINTS)
    kernel = gaussian_kde(middles, scott.factor * max(1.0, widest), weights=weights)
    return places, kernel(places)


def score_histograms(found: Systems) -> go.Figure:
    """Show densities of the scores of held-out and of random items, two systems side by side.

    Filled steps and a smooth curve are the first seed's, faint steps the others'. Each panel has
    its own axis, for scores have no common unit.

    Parameters
    ----------
    found
        Records by system, such as `score_tables.with_and_without` gives them.
    """
    factors = {name: values_of(records, "overlap", WIDEST) for name, records in found.items()}
    names = [f"{name}: overlap {factors[name].mean():.2f}" for name in found]
    rows = max(1, -(-len(names) // 2))
    figure = make_subplots(
        rows=rows, cols=2, subplot_titles=names, horizontal_spacing=0.11,
        vertical_spacing=min(0.3, 95 / (250 * rows)),
    )  # fmt: skip
    for place, (name, records) in enumerate(found.items()):
        cell = {"row": place // 2 + 1, "col": place % 2 + 1}
        for order, record in enumerate(records):
            _histogram(figure, name, record, cell, is_first=order == 0)
        figure.update_xaxes(title_text="score r(i, u)", **cell)
        figure.update_yaxes(title_text="density", rangemode="tozero", **cell)
    title = "Scores of held-out items (coloured) and of random ones (grey)"
    figure.update_layout(
        template=TEMPLATE, title={"text": title}, height=100 + 250 * rows, margin={"t": 88},
        showlegend=False,
    )  # fmt: skip
    return figure


def _histogram(
    figure: go.Figure, name: str, record: Record, cell: Mapping[str, int], *, is_first: bool
) -> None:
    if "score-edges" not in record.arrays:
        return
    edges, users = record.arrays["score-edges"], record.value("targets", WIDEST)
    kinds = (
        ("random items", GREY, "score-negative", users * N_NEGATIVES),
        ("held-out items", style_of(name).colour, "score-positive", users),
    )
    for kind, colour, array, n in kinds:
        heights = record.arrays[array]
        own = {"color": colour, "width": 1, "shape": "hv"}
        figure.add_scatter(
            x=edges, y=[*heights, heights[-1]], mode="lines", line=own, hoverinfo="skip",
            opacity=1 if is_first else _FAINT, fill="tozeroy" if is_first else None,
            fillcolor=_pale(colour), name=f"{kind}, seed {record.experiment.train.seed}", **cell,
        )  # fmt: skip
        if is_first:
            places, curve = smooth(edges, heights, n)
            figure.add_scatter(
                x=places, y=curve, mode="lines", line={"color": colour, "width": 2.5},
                name=f"{kind}, smooth", **cell,
            )  # fmt: skip


def _pale(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, 0.2)"


def overlap_intervals(found: Systems) -> go.Figure:
    """Show every run's overlap factor with its 95 % interval over users; further left is better."""
    figure = new_figure(
        "Overlap of scores by run (95 % intervals over users)",
        height=120 + 50 * max(2, len(found)), showlegend=False,
    )  # fmt: skip
    for place, (name, records) in enumerate(found.items()):
        mid, low, high = (
            values_of(records, key, WIDEST) for key in ("overlap", "overlap-low", "overlap-high")
        )
        apart = np.linspace(-0.25, 0.25, len(records)) if len(records) > 1 else np.zeros(1)
        figure.add_scatter(
            x=mid, y=place + apart, mode="markers", name=name, marker=style_of(name).marker(9),
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.5, "width": 3,
                "array": high - mid, "arrayminus": mid - low,
            },
        )  # fmt: skip
    figure.update_xaxes(title_text="overlap factor (0 apart, 1 the same)")
    figure.update_yaxes(
        tickvals=list(range(len(found))), ticktext=list(found), ticks="", zeroline=False,
        range=[len(found) - 0.4, -0.6],
    )  # fmt: skip
    return figure


def spectra(found: Systems) -> go.Figure:
    """Show singular values of user embeddings over the largest, a line a run, a colour a system.

    On the left all users as they are, whose effective rank (Eq. 9) the legend gives as a mean over
    seeds; on the right what the public notebook takes, with its own number.
    """
    kinds = {
        "singular-values": "all users (Eq. 9)",
        "singular-values-centred": "1,000 users, centred (notebook)",
    }
    figure = new_panels(
        "Singular values of the users' embeddings, over the largest", list(kinds.values()),
        height=height_for(520, 2 * len(found)),
    )  # fmt: skip
    for column, key in enumerate(kinds, start=1):
        for name, records in found.items():
            style, ranks = style_of(name), _ranks(records)
            for order, record in enumerate(records):
                values = record.arrays.get(key, np.empty(0))
                largest = values.max(initial=0)
                shown = values[values > 0] / largest if largest else values
                figure.add_scatter(
                    x=np.arange(1, len(shown) + 1), y=shown, mode="lines", legendgroup=name,
                    name=f"{name}: {ranks}", showlegend=column == 1 and order == 0, opacity=0.75,
                    line={"color": style.colour, "dash": style.dash, "width": 1.5},
                    row=1, col=column,
                )  # fmt: skip
    figure.update_xaxes(title_text="place of the singular value")
    figure.update_yaxes(title_text="share of the largest (log scale)", col=1)
    figure.update_yaxes(type="log", exponentformat="power", dtick=1, range=[_LEAST_SHARE, 0.1])
    return figure


def _ranks(records: Sequence[Record]) -> str:
    rank, other = (
        values_of(records, key, WIDEST).mean() for key in ("effective-rank", "notebook-rank")
    )
    return f"effective rank {rank:.1f}, notebook {other:.1f}"


def reliability_diagrams(found: Systems) -> go.Figure:
    """Show accuracy against confidence of the first item, by bins, runs of a system pooled."""
    kinds = {"width": "bins of equal width", "mass": "bins of equal mass"}
    figure = new_panels(
        "Confidence and accuracy of the first item (dashed: calibrated)", list(kinds.values()),
        height=height_for(440, len(found)),
    )  # fmt: skip
    for column, bins in enumerate(kinds, start=1):
        highest = 0.0
        for name, records in found.items():
            confidence, accuracy, count = _pooled(records, bins)
            highest = max(highest, confidence.max(initial=0))
            style = style_of(name)
            size = 5 + 9 * np.sqrt(count / count.max()) if len(count) else 9
            figure.add_scatter(
                x=confidence, y=accuracy, mode="markers", name=name, legendgroup=name,
                showlegend=column == 1, marker=style.marker(size), text=count, opacity=0.8,
                hovertemplate="%{x:.3f} claimed, %{y:.3f} right, %{text} users<extra></extra>",
                row=1, col=column,
            )  # fmt: skip
        figure.add_scatter(
            x=[0, highest], y=[0, highest], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": GREY, "dash": "dash"}, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title_text="mean confidence in a bin", rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title_text="share of hits in the bin", col=1)
    return figure


def _pooled(records: Sequence[Record], bins: str) -> tuple[Array, Array, Array]:
    """Return confidence, accuracy and users of the bins that hold any, seeds taken together."""
    known = [one.arrays for one in records if f"reliability-{bins}-count" in one.arrays]
    if not known:
        return np.empty(0), np.empty(0), np.empty(0)
    confidence, accuracy, count = (
        np.nan_to_num([arrays[f"reliability-{bins}-{name}"] for arrays in known])
        for name in ("confidence", "accuracy", "count")
    )
    total = count.sum(0)
    held = total > 0
    means = [(values * count).sum(0)[held] / total[held] for values in (confidence, accuracy)]
    return means[0], means[1], total[held]


def binary_systems(found: Systems) -> dict[str, Sequence[Record]]:
    """Return the systems that were trained with a binary cross-entropy."""
    return {
        name: records
        for name, records in found.items()
        if records[0].experiment.loss.objective.name in BINARY
    }


def rank_probabilities(found: Systems) -> go.Figure:
    """Show sigmoid(r) of the item at each rank (full lines) and how often it was taken (dashed).

    Of binary systems only; without any the figure says so.
    """
    shown = binary_systems(found)
    figure = new_figure(
        "Claimed of the item at a rank (lines), and what came (dashes)",
        height=height_for(420, len(shown)),
    )  # fmt: skip
    for name, records in shown.items():
        style = style_of(name)
        for order, record in enumerate(one for one in records if "rank" in one.arrays):
            for key, dash in (("rank-probability", "solid"), ("rank-hit-rate", "dash")):
                heights = record.arrays[key]
                figure.add_scatter(
                    x=record.arrays["rank"], y=np.where(heights > 0, heights, np.nan), name=name,
                    mode="lines+markers", legendgroup=name, marker=style.marker(6), opacity=0.8,
                    showlegend=order == 0 and dash == "solid",
                    line={"color": style.colour, "dash": dash, "width": 1.5},
                )  # fmt: skip
    if not shown:
        figure.add_annotation(
            text="no system with a binary objective is recorded", showarrow=False, x=0.5, y=0.5,
            xref="paper", yref="paper",
        )  # fmt: skip
    figure.update_xaxes(
        title_text="rank, seen items included (log scale)", type="log", tickvals=TICKS
    )
    figure.update_yaxes(
        title_text="probability (log scale)", type="log", exponentformat="power", dtick=1
    )
    return figure
