"""Figures of what a setting does: curves over alpha and lambda, and differences from a base."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.pages.dial_tables import MEAN
from btsr_core.pages.dials import is_mean
from btsr_core.pages.styles import GREEN, GREY, PURPLE, VERMILION, Style, style_of
from btsr_core.pages.template import TEMPLATE, new_figure, nothing_to_draw

SERIES = (
    Style(VERMILION, "circle", "full", "solid"),
    Style(GREEN, "square", "full", "dash"),
    Style(PURPLE, "diamond", "full", "dot"),
)
"""How the series of a curve look, in order: scalings, or popularity buckets."""
COLUMNS = 3
"""Panels in a row."""
PANEL = 230
"""Height of a row of panels, in pixels."""
_SMALL, _LARGE = 6, 10


def curves(series: Mapping[str, pd.DataFrame], axis: str, title: str) -> go.Figure:
    """Show metrics against a setting: a mark a seed, a line through the means.

    A band reaches from the lowest to the highest seed.

    Parameters
    ----------
    series
        By name, at most as many as `SERIES`: rows with `system` (the value of the setting), `seed`,
        `metric` and `value`, as `dials.scores` gives them.
    axis
        Name of the setting.
    title
        Of the figure.
    """
    metrics = _metrics(series.values())
    if not metrics:
        return nothing_to_draw(title)
    figure = _grid(f"{title} (marks: seeds; line: mean; band: all seeds)", metrics)
    for (name, frame), style in zip(series.items(), SERIES, strict=False):
        for place, metric in enumerate(metrics):
            rows = frame[frame["metric"] == metric].dropna(subset="value")
            found = rows.groupby("system")["value"].agg(["mean", "min", "max"])
            where = {"row": place // COLUMNS + 1, "col": place % COLUMNS + 1}
            common = {"legendgroup": name, "name": name, "showlegend": False}
            figure.add_scatter(
                x=[*found.index, *found.index[::-1]], y=[*found["max"], *found["min"][::-1]],
                fill="toself", mode="none", fillcolor=_pale(style.colour), hoverinfo="skip",
                **common, **where,
            )  # fmt: skip
            figure.add_scatter(
                x=rows["system"], y=rows["value"], mode="markers", text=rows["seed"],
                marker={**style.marker(_SMALL), "opacity": 0.55},
                hovertemplate="%{x}: %{y:.4f}<extra>seed %{text}</extra>", **common, **where,
            )  # fmt: skip
            figure.add_scatter(
                x=found.index, y=found["mean"], mode="lines",
                line={"color": style.colour, "dash": style.dash, "width": 2.5},
                hovertemplate="%{x}: %{y:.4f}<extra>mean</extra>",
                **{**common, "showlegend": place == 0 and len(series) > 1}, **where,
            )  # fmt: skip
    figure.update_xaxes(title_text=axis)
    figure.update_yaxes(rangemode="tozero")
    return figure


def relative_curves(changes: pd.DataFrame, axis: str, title: str) -> go.Figure:
    """Show relative differences from a base against a setting: means with 95 % intervals.

    Parameters
    ----------
    changes
        As `dial_tables.relative_changes` gives them; `system` is the value of the setting.
    axis
        Name of the setting.
    title
        Of the figure.
    """
    metrics = _metrics([changes])
    if not metrics:
        return nothing_to_draw(title)
    figure = _grid(f"{title} (small marks: seeds; bars: 95 % intervals)", metrics)
    for place, metric in enumerate(metrics):
        rows = changes[changes["metric"] == metric]
        row, col = place // COLUMNS + 1, place % COLUMNS + 1
        at = rows["system"].astype(float)
        nudge = 0.02 * (at.max() - at.min())
        add_marks(figure, rows, SERIES[0], at, 100, "y", nudge=nudge, row=row, col=col)
        figure.add_hline(y=0, line_color=GREY, line_dash="dash", row=row, col=col)
    figure.update_xaxes(title_text=axis)
    figure.update_yaxes(title_text="difference (%)", col=1)
    figure.update_layout(showlegend=False)
    return figure


def relative_views(
    changes: pd.DataFrame, names: Mapping[str, str], base: str, claimed: float
) -> go.Figure:
    """Show how systems differ from one, in per cent, a panel a metric.

    Parameters
    ----------
    changes
        As `dial_tables.relative_changes` gives them; `system` is the key in `names`.
    names
        Of the systems, from the top.
    base
        What they replace, such as `Partner view`.
    claimed
        The difference in accuracy that the paper reports at least, as a fraction; dotted.
    """
    title = f"{base} replaced (small marks: seeds; bars: 95 % intervals)"
    if changes.empty:
        return _nothing(title, "no other view is recorded")
    metrics = _metrics([changes])
    figure = make_subplots(
        cols=len(metrics), subplot_titles=list(metrics), shared_yaxes=True,
        horizontal_spacing=0.05,
    )  # fmt: skip
    figure.update_layout(
        template=TEMPLATE, title={"text": title}, height=190 + 44 * len(names), showlegend=False,
        margin={"t": 88},
    )  # fmt: skip
    for column, metric in enumerate(metrics, start=1):
        for place, (key, name) in enumerate(names.items()):
            rows = changes[(changes["metric"] == metric) & (changes["system"] == key)]
            at = pd.Series(float(place), index=rows.index)
            add_marks(figure, rows, style_of(name), at, 100, "x", nudge=0.22, row=1, col=column)
        figure.add_vline(x=0, line_color=GREY, line_dash="dash", row=1, col=column)
        if is_mean(metric):
            figure.add_vline(x=100 * claimed, line_color=GREY, line_dash="dot", row=1, col=column)
    figure.update_xaxes(title_text="difference (%)")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=list(names.values()),
        range=[len(names) - 0.5, -0.5],
    )  # fmt: skip
    return figure


def add_marks(
    figure: go.Figure,
    rows: pd.DataFrame,
    style: Style,
    at: "pd.Series[float]",
    unit: float,
    along: Literal["x", "y"],
    *,
    nudge: float,
    name: str = "",
    is_listed: bool = False,
    row: int,
    col: int,
) -> None:
    """Add a large mark with its interval for each mean, and a small one for each seed.

    Parameters
    ----------
    rows
        With `seed` (`MEAN` for means), `value`, `low` and `high`.
    at
        Place of each row on the axis that is not the value's.
    unit
        What values are multiplied by: 100 for per cent.
    along
        `x` or `y`, the axis of values.
    nudge
        By how much the marks of seeds stand beside their mean.
    name, is_listed
        In the legend.
    row, col
        Panel.
    """
    across = "x" if along == "y" else "y"
    is_mean = rows["seed"] == MEAN
    seeds, means = rows[~is_mean], rows[is_mean]
    figure.add_scatter(
        **{along: unit * seeds["value"], across: at[~is_mean] + nudge},
        mode="markers", name=name, legendgroup=name or None, showlegend=False,
        marker={**style.marker(_SMALL), "opacity": 0.55}, text=seeds["seed"],
        hovertemplate=f"%{{{along}:.4g}}<extra>seed %{{text}}</extra>", row=row, col=col,
    )  # fmt: skip
    bars = {
        "type": "data", "symmetric": False, "thickness": 2, "width": 4,
        "array": unit * (means["high"] - means["value"]),
        "arrayminus": unit * (means["value"] - means["low"]),
    }  # fmt: skip
    figure.add_scatter(
        **{along: unit * means["value"], across: at[is_mean], f"error_{along}": bars},
        mode="markers", name=name, legendgroup=name or None, showlegend=is_listed,
        marker=style.marker(_LARGE),
        hovertemplate=f"%{{{along}:.4g}}<extra>{name or 'mean'}</extra>", row=row, col=col,
    )  # fmt: skip


def _grid(title: str, metrics: Sequence[str]) -> go.Figure:
    """Return a figure of panels in rows of `COLUMNS`, a metric each."""
    n_rows = -(-len(metrics) // COLUMNS)
    figure = make_subplots(
        rows=n_rows, cols=COLUMNS, subplot_titles=list(metrics), horizontal_spacing=0.1,
        vertical_spacing=0.4 / n_rows,
        specs=[[{} if row * COLUMNS + col < len(metrics) else None for col in range(COLUMNS)]
               for row in range(n_rows)],
    )  # fmt: skip
    figure.update_layout(
        template=TEMPLATE, title={"text": title}, height=150 + PANEL * n_rows, margin={"t": 88}
    )
    return figure


def _metrics(frames: Iterable[pd.DataFrame]) -> list[str]:
    names: dict[str, None] = {}
    for frame in frames:
        names |= dict.fromkeys(frame["metric"])
    return list(names)


def _pale(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, 0.15)"


def _nothing(title: str, text: str) -> go.Figure:
    """Return a figure that says what it lacks."""
    figure = new_figure(title, height=200, xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
