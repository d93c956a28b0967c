"""The figures of what training and evaluation cost, in the book's template."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from itertools import cycle, product
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.pages.costs import DISTURBED, MEASURED, OURS, PEER, digits
from btsr_core.pages.styles import BLUE, GREY, Style, style_of
from btsr_core.pages.template import TEMPLATE

_ROW = 46
"""Pixels of a system."""

_FIRST_DIGITS = (
    (0.4, (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)),
    (1.0, (1, 2, 5)),
    (2.5, (1, 3)),
    (math.inf, (1,)),
)
"""Of ticks on a logarithmic axis that spans less than so many powers of ten."""

_SIZES = (Style(BLUE, "circle", "full", "solid"), Style(BLUE, "square", "open", "dash"))
"""Of catalogues, from small to large."""


def epoch_seconds(systems: pd.DataFrame) -> go.Figure:
    """Show the seconds that systems take to train an epoch, and the floor beneath all of them."""
    title = "Seconds of a training epoch"
    figure = _marks(systems, "epoch_seconds", "train_load", title)
    figure.update_xaxes(title_text="seconds (log scale)")
    return figure


def ranked_per_second(systems: pd.DataFrame) -> go.Figure:
    """Show how many users a second systems evaluate over the whole catalogue."""
    rows = systems[systems["kind"].isin([OURS, PEER])]  # the floor of training ranks nobody
    title = "Users evaluated a second"
    figure = _marks(rows, "ranked_per_second", "rank_load", title)
    figure.update_xaxes(title_text="users a second (log scale)")
    return figure


def training_memory(systems: pd.DataFrame) -> go.Figure:
    """Show the peak memory of training above what the imports and the data occupy."""
    title = "Peak memory of training, beside imports and data"
    figure = _marks(systems, "memory_mib", None, title)
    figure.update_xaxes(title_text="MiB (log scale)")
    return figure


def catalogue_curves(points: pd.DataFrame) -> go.Figure:
    """Show what a training step takes as the catalogue grows, a line a system."""
    rows = points[points["curve"] == "catalogue"]
    title = "A training step and the size of the catalogue"
    return _steps(rows, "items", title, "items in the catalogue")


def length_curve(points: pd.DataFrame) -> go.Figure:
    """Show what a training step takes as the histories grow."""
    rows = points[points["curve"] == "length"]
    title = "A training step and the length of the histories"
    return _steps(rows, "length", title, "items in each history")


def _steps(rows: pd.DataFrame, x: str, title: str, x_title: str) -> go.Figure:
    rows = rows.assign(series=rows["system"])
    figure = _panels(title, rows)
    systems = dict.fromkeys(rows["system"])
    _lines(figure, rows, x, "step_seconds", [style_of(name) for name in systems])
    _name_axes(figure, rows, (x, "step_seconds"), (x_title, "seconds a step"))
    return figure.update_layout(showlegend=len(systems) > 1)


def users_curves(points: pd.DataFrame) -> go.Figure:
    """Show how fast users are evaluated as their number grows, a line a size of the catalogue."""
    rows = points[points["curve"].isin(["users", "memory"])].sort_values("items", kind="stable")
    rows = rows.assign(series=[f"{items:,} items" for items in rows["items"]])
    figure = _panels("Evaluation and the number of users", rows)
    _lines(figure, rows, "users", "ranked_per_second", _SIZES)
    _name_axes(figure, rows, ("users", "ranked_per_second"), ("users evaluated", "users a second"))
    return figure


def _marks(systems: pd.DataFrame, column: str, load: str | None, title: str) -> go.Figure:
    """Show a figure of every system as a mark on a logarithmic axis, its number written beside.

    Parameters
    ----------
    load
        The column of the cores that others kept busy; None where that does not matter.
    title
        To which it is added what the others are compared with.
    """
    names = ["<br>".join(textwrap.wrap(str(name), 13)) for name in systems["system"]]
    base = systems[systems["kind"] == OURS].iloc[0]
    shown = systems[systems[column] > 0][column]
    low, high = (shown.min(), shown.max()) if len(shown) else (1.0, 10.0)
    middle = math.sqrt(low * high)
    compared = f"times that of {base['system']}" if base[column] > 0 else ""
    figure = go.Figure(
        layout={
            "template": TEMPLATE,
            "height": 120 + _ROW * len(systems),
            "showlegend": False,
        }
    )
    noted = False
    for place, (_, row) in enumerate(systems.iterrows()):
        value = row[column]
        if not value > 0:
            _say(figure, row, xref="x domain", x=0.02, y=place, xanchor="left")
            continue
        is_disturbed = load is not None and row[load] > DISTURBED
        noted |= is_disturbed
        is_compared = compared and row["system"] != base["system"]
        times = f" ({digits(value / base[column])}\N{MULTIPLICATION SIGN})" if is_compared else ""
        figure.add_scatter(
            x=[value], y=[place], name=str(row["system"]), mode="markers+text", cliponaxis=False,
            marker=style_of(str(row["system"])).marker(13),
            text=f"  {digits(value)}{times}{' *' if is_disturbed else ''}  ",
            textposition="middle right" if value <= middle else "middle left",
            hovertemplate="%{x:.4g}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6],
        ticks="",
    )  # fmt: skip
    notes = "; ".join(filter(None, [compared, "* disturbed by other work" if noted else ""]))
    figure.update_layout(title_text=f"{title} ({notes})" if notes else title)
    margin = 0.08 * math.log10(high / low) + 0.02
    figure.update_xaxes(
        type="log", range=[math.log10(low) - margin, math.log10(high) + margin], tickangle=0,
        **_ticks(low, high),
    )  # fmt: skip
    return figure


def _panels(title: str, rows: pd.DataFrame) -> go.Figure:
    """Return a figure of two panels, one above the other, over the same axis."""
    note = " (partly disturbed by other work)" if (rows["load"] > DISTURBED).any() else ""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    figure.update_layout(template=TEMPLATE, height=540, title={"text": f"{title}{note}"})
    return figure


def _lines(figure: go.Figure, rows: pd.DataFrame, x: str, y: str, styles: Iterable[Style]) -> None:
    """Draw a quantity and the memory, a line a series; what was not measured leaves a gap."""
    for (name, part), style in zip(rows.groupby("series", sort=False), cycle(styles), strict=False):
        ordered = part.sort_values(x)
        for row, column in enumerate((y, "memory_mib"), start=1):
            figure.add_scatter(
                x=ordered[x], y=ordered[column].where(ordered[column] > 0), name=str(name),
                mode="lines+markers", connectgaps=False, legendgroup=name, showlegend=row == 1,
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker=style.marker(10), row=row, col=1,
                hovertemplate="%{x:,}: %{y:.4g}<extra>%{fullData.name}</extra>",
            )  # fmt: skip


def _name_axes(
    figure: go.Figure, rows: pd.DataFrame, columns: tuple[str, str], titles: tuple[str, str]
) -> None:
    """Name and scale the axes, and say at the foot of the panels which points were not measured."""
    x, y = columns
    figure.update_xaxes(title_text=f"{titles[0]} (log scale)", row=2, col=1)
    low, high = (rows[x].min(), rows[x].max()) if len(rows) else (1, 10)
    margin = 0.06 * math.log10(high / low) + 0.04
    figure.update_xaxes(
        type="log", range=[math.log10(low) - margin, math.log10(high) + margin],
        tickvals=sorted(set(rows[x])), ticktext=[f"{value:,}" for value in sorted(set(rows[x]))],
    )  # fmt: skip
    lacking = rows[rows["state"] != MEASURED]
    said = [(f"{row['series']}, {row[x]:,}: {row['state']}", row) for _, row in lacking.iterrows()]
    if not len(rows):
        said = [("not measured", pd.Series({"state": "", "reason": "not recorded yet"}))]
    for row, (column, title) in enumerate(
        ((y, titles[1]), ("memory_mib", "memory (MiB)")), start=1
    ):
        values = rows[column][rows[column] > 0]
        low, high = (values.min(), values.max()) if len(values) else (1.0, 10.0)
        height = max(math.log10(high / low), 0.3)
        room = 0.08 + 0.12 * len(said)  # for what is said at the foot
        figure.update_yaxes(
            type="log", title_text=title, row=row, col=1, **_ticks(low, high),
            range=[math.log10(low) - room * height, math.log10(high) + 0.08 * height],
        )  # fmt: skip
    for place, ((text, row), panel) in enumerate(product(said, ("y domain", "y2 domain"))):
        _say(
            figure, row, text=text, xref="x domain", yref=panel, x=0.98, xanchor="right",
            y=0.01 + 0.085 * (place // 2), yanchor="bottom",
        )  # fmt: skip


def _say(figure: go.Figure, row: "pd.Series[Any]", **place: object) -> None:
    """Write in a figure that something was not measured; why is told where the mouse rests."""
    words = {"text": str(row["state"]), "hovertext": str(row["reason"]), "showarrow": False}
    figure.add_annotation(**{**words, "font": {"color": GREY, "size": 12}, **place})


def _ticks(low: float, high: float) -> dict[str, Sequence[object]]:
    """Return ticks of a logarithmic axis, the fewer first digits the more powers of ten it has."""
    decades = math.log10(high / low)
    firsts = next(digits for most, digits in _FIRST_DIGITS if decades < most)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    values = [float(f"{first}e{power}") for power in powers for first in firsts]
    return {"tickvals": values, "ticktext": [f"{value:,.6g}" for value in values]}
