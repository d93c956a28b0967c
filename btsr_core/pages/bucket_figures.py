"""Figures by the popularity of the target (paper Figs 1 and 5)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.pages.dial_figures import add_marks
from btsr_core.pages.dial_tables import bucket_name
from btsr_core.pages.styles import GREY, style_of
from btsr_core.pages.template import TEMPLATE, height_for
from btsr_core.study.records import ALL_ITEMS

_WIDTH = 0.8
"""Of the room that the marks of a bucket take, of the distance between buckets."""


def bucket_levels(levels: pd.DataFrame) -> go.Figure:
    """Show metrics by bucket, one above the other: systems side by side in each bucket.

    Parameters
    ----------
    levels
        As `dial_tables.levels` gives them.
    """
    metrics, names = (list(dict.fromkeys(levels[column])) for column in ("metric", "system"))
    buckets = sorted(set(levels["bucket"]))
    figure = make_subplots(
        rows=max(1, len(metrics)), shared_xaxes=True, vertical_spacing=0.06,
        subplot_titles=list(metrics),
    )  # fmt: skip
    figure.update_layout(
        template=TEMPLATE, margin={"t": 88},
        height=height_for(180 + 220 * max(1, len(metrics)), len(names)),
        title={"text": "Metrics by popularity of the target (small marks: seeds; bars: 95 %)"},
    )  # fmt: skip
    steps = _WIDTH * ((np.arange(len(names)) + 0.5) / max(1, len(names)) - 0.5)
    for row, metric in enumerate(metrics, start=1):
        for name, step in zip(names, steps, strict=True):
            rows = levels[(levels["metric"] == metric) & (levels["system"] == name)]
            add_marks(
                figure, rows, style_of(name), rows["bucket"] + step, 1, "y",
                nudge=_WIDTH / (4 * len(names)), name=name, is_listed=row == 1, row=row, col=1,
            )  # fmt: skip
        # A share lies between 0 and 1, whatever an interval over few seeds may say.
        figure.update_yaxes(
            rangemode="tozero", minallowed=0, maxallowed=1, title_text=_what(metric), row=row, col=1
        )
    n_buckets = max(buckets, default=0)
    figure.update_xaxes(
        tickvals=buckets, ticktext=[bucket_name(one, n_buckets) for one in buckets],
        range=[0.5, n_buckets + 0.5],
    )  # fmt: skip
    for edge in buckets[1:]:
        figure.add_vline(x=edge - 0.5, line_color=GREY, line_width=1, opacity=0.4)
    return figure


def bucket_contributions(parts: pd.DataFrame) -> go.Figure:
    """Show which bucket a difference comes from: a panel for all targets, and one a bucket.

    Parameters
    ----------
    parts
        Of one metric, as `dial_tables.bucket_parts` gives them; the buckets add up to all targets.
    """
    buckets, names = (list(dict.fromkeys(parts[column])) for column in ("bucket", "system"))
    metric = next(iter(parts["metric"]), "")
    order: Sequence[int] = sorted(buckets)
    titles = [bucket_name(one) for one in order]
    figure = make_subplots(
        cols=max(1, len(order)), subplot_titles=titles, shared_yaxes=True, shared_xaxes="all",
        horizontal_spacing=0.03,
    )  # fmt: skip
    figure.update_layout(
        template=TEMPLATE, margin={"t": 88}, height=190 + 48 * len(names), showlegend=False,
        title={"text": f"Where differences in {metric} come from (bars: 95 % intervals)"},
    )  # fmt: skip
    for column, bucket in enumerate(order, start=1):
        for place, name in enumerate(names):
            rows = parts[(parts["bucket"] == bucket) & (parts["system"] == name)]
            at = pd.Series(float(place), index=rows.index)
            style = style_of(name.split(" minus ")[0])
            add_marks(figure, rows, style, at, 1, "x", nudge=0.22, row=1, col=column)
        figure.add_vline(x=0, line_color=GREY, line_dash="dash", row=1, col=column)
    for column, bucket in enumerate(order, start=1):
        what = "difference" if bucket == ALL_ITEMS else "part of it"
        figure.update_xaxes(title_text=what, nticks=4, tickangle=0, row=1, col=column)
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[name.replace(" minus ", "<br>minus ") for name in names],
        range=[len(names) - 0.4, -0.6],
    )  # fmt: skip
    return figure


def _what(metric: str) -> str:
    """Return the name of an axis."""
    is_coverage = metric.startswith("cov")
    return "share of the bucket's items" if is_coverage else "mean over targets"
