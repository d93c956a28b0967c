"""Figures of a setting's values at equal epochs, as they were kept, and epoch by epoch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.analysis.significance import PairedTest
from btsr_core.pages.dial_epochs import Dial
from btsr_core.pages.epochs import FEWEST, METRICS
from btsr_core.pages.styles import BLUE, GREEN, GREY, PALETTE, VERMILION, Style
from btsr_core.pages.template import TEMPLATE, nothing_to_draw
from btsr_core.pages.words import count
from btsr_core.study.search import Value

KEPT = Style(GREEN, "square", "open", "dash")
EQUAL = Style(VERMILION, "circle", "full", "solid")
"""How the two readings look."""
_COLOURS = (BLUE, *PALETTE)
_DASHES = ("solid", "dot", "dashdot")
_MARK = 9
_NUDGE = 0.02
"""How far the marks of the two readings stand from their value, in spans of the values."""
_PANEL = 200
"""Height of a panel in pixels."""


def dial_differences(dials: Sequence[Dial]) -> go.Figure:
    """Show how values of settings differ from a base, in two readings: means with 95 % intervals.

    A row a setting, a column a metric. Of fewer than `epochs.FEWEST` seeds no interval is drawn: it
    would hide all else.

    Parameters
    ----------
    dials
        As `dial_epochs.dial` gives them; those with nothing to compare are left out.
    """
    shown = [one for one in dials if one.epoch]
    title = "Differences at equal epochs and as kept (validation users; bars: 95 % intervals)"
    if not shown:
        return nothing_to_draw(title)
    figure = _panels(title, len(shown), gap=92)
    for row, one in enumerate(shown, start=1):
        for col, metric in enumerate(METRICS, start=1):
            compared = one.compared[metric]
            at = _places(compared)
            step = _NUDGE * (at.max() - at.min())
            seeds = [own.seeds for own in compared.values()]
            for name, style, places, tests in (
                ("equal epochs", EQUAL, at - step, [own.last for own in compared.values()]),
                ("epochs kept", KEPT, at + step, [own.kept for own in compared.values()]),
            ):
                figure.add_scatter(
                    x=places, y=[test.difference for test in tests], mode="markers",
                    marker=style.marker(_MARK), error_y=_bars(tests, seeds, style.colour),
                    name=name, legendgroup=name, showlegend=row == col == 1,
                    customdata=list(zip(map(str, compared), seeds, strict=True)),
                    hovertemplate="%{customdata[0]}: %{y:.4f}<br>seeds: %{customdata[1]}"
                    "<extra>%{fullData.name}</extra>", row=row, col=col,
                )  # fmt: skip
            figure.add_hline(y=0, line_color=GREY, line_dash="dash", row=row, col=col)
            # In two lines, for which a phone has room.
            named = f"{one.name}<br>equal: epoch {one.epoch}"
            figure.update_xaxes(title_text=named, **_ticks(compared), row=row, col=col)
        figure.update_yaxes(title_text=f"difference from {one.base}", row=row, col=1)
    figure.update_yaxes(rangemode="tozero")
    return figure


def dial_curves(dials: Sequence[Dial]) -> go.Figure:
    """Show validation metrics after each epoch by the value of a setting: means over seeds.

    A row a setting, a column a metric; dashed grey is the value that others are compared with,
    dotted the epoch of that comparison. One value has one colour in all panels.

    Parameters
    ----------
    dials
        As `dial_epochs.dial` gives them; those without a seed that all values share are left out.
    """
    shown = [one for one in dials if one.seeds]
    title = "Validation metrics over training, by value (means over seeds)"
    if not shown:
        return nothing_to_draw(title)
    names = [f"{one.name}, {count(len(one.seeds), 'seed')}" for one in shown]
    figure = _panels(title, len(shown), gap=64, row_titles=names)
    lines = _lines(shown)
    order, listed = list(lines), set()
    for row, one in enumerate(shown, start=1):
        for col, metric in enumerate(METRICS, start=1):
            for value, mean in one.means[metric].items():
                name = str(value)
                figure.add_scatter(
                    x=np.arange(1, len(mean) + 1), y=mean, mode="lines", name=name,
                    legendgroup=name, legendrank=order.index(name),
                    showlegend=name not in listed, line=lines[name],
                    hovertemplate="epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
                    row=row, col=col,
                )  # fmt: skip
                listed.add(name)
            figure.add_vline(x=one.epoch, line_color=GREY, line_dash="dot", row=row, col=col)
    figure.update_yaxes(title_text="mean over seeds", col=1)
    return figure.update_xaxes(title_text="epoch", rangemode="tozero")


def _panels(title: str, rows: int, *, gap: int, row_titles: Sequence[str] = ()) -> go.Figure:
    """Return a figure of rows of panels, a column a metric; `gap` is between them, in pixels."""
    inside = rows * _PANEL + (rows - 1) * gap
    figure = make_subplots(
        rows=rows, cols=len(METRICS), column_titles=list(METRICS),
        row_titles=list(row_titles) or None,
        horizontal_spacing=0.12, vertical_spacing=gap / inside,
    )  # fmt: skip
    figure.update_annotations(font_size=14)
    margin = {"t": 84, "b": gap + 56}
    return figure.update_layout(
        template=TEMPLATE, title={"text": title}, height=inside + sum(margin.values()),
        margin=margin,
    )  # fmt: skip


def _places(values: Iterable[Value]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return where values stand on their axis: numbers where they are, others one by one."""
    known = list(values)
    return np.array(known if _are_numbers(known) else range(len(known)), dtype=np.float64)


def _ticks(values: Iterable[Value]) -> dict[str, Any]:
    known = list(values)
    if _are_numbers(known):
        return {}
    return {"tickvals": list(range(len(known))), "ticktext": list(map(str, known))}


def _are_numbers(values: Sequence[Value]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _bars(tests: Sequence[PairedTest], seeds: Sequence[int], colour: str) -> dict[str, Any]:
    """Return Plotly's error bars; none where there is no interval, or one of too few seeds."""
    ends = [
        (test.interval.high - test.difference, test.difference - test.interval.low)
        if n >= FEWEST and not np.isnan(test.interval.low)
        else (None, None)
        for test, n in zip(tests, seeds, strict=True)
    ]
    return {
        "type": "data", "symmetric": False, "thickness": 2, "width": 4, "color": colour,
        "array": [up for up, _ in ends], "arrayminus": [down for _, down in ends],
    }  # fmt: skip


def _lines(dials: Sequence[Dial]) -> Mapping[str, dict[str, Any]]:
    """Return the line of each value: a base is grey and dashed, the others in the palette's order.

    After the last colour the first comes again, with another dash.
    """
    bases = {str(one.base) for one in dials}
    values = {value: None for one in dials for value in one.means[METRICS[0]]}
    order = sorted(values, key=float) if _are_numbers([*values]) else list(values)
    others = [str(value) for value in order if str(value) not in bases]
    lines: dict[str, dict[str, Any]] = {
        name: {"color": GREY, "dash": "dash", "width": 3} for name in sorted(bases)
    }
    for place, name in enumerate(others):
        turn, colour = divmod(place, len(_COLOURS))
        lines[name] = {
            "color": _COLOURS[colour], "dash": _DASHES[turn % len(_DASHES)], "width": 2,
        }  # fmt: skip
    return lines
