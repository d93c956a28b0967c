"""Figures of values by system and seed: every run a mark, means with their intervals beside."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.analysis.intervals import FloatArray, Interval
from btsr_core.names import system_name
from btsr_core.pages.results import Systems, values_of
from btsr_core.pages.score_tables import Change, seed_interval
from btsr_core.pages.styles import GREY, style_of
from btsr_core.pages.template import TEMPLATE, nothing_to_draw
from btsr_core.study.records import Record

COLUMNS = 2
_ROW, _LINE = 30, 14
"""Pixels of a system in a panel, and of each further line of its name."""
_SEED_SIZE, _MEAN_SIZE = 6, 11
_ABOVE = 0.25
"""How far above the middle of its row a mean stands, in rows; seeds lie as far below."""

Draw = Callable[[go.Figure, str, dict[str, int]], None]


def by_system(
    points: pd.DataFrame, labels: Mapping[str, str], title: str, *, log: bool = False
) -> go.Figure:
    """Show metrics by system, a panel a metric.

    Parameters
    ----------
    points
        A row a run, as `results.metric_points` gives them.
    labels
        Of the metrics, with their units.
    log
        Whether the axes are logarithmic.
    """
    groups = dict(list(points.groupby("system", sort=False)))
    names = [str(name) for name in groups]

    def draw(figure: go.Figure, metric: str, cell: dict[str, int]) -> None:
        for place, name in enumerate(names):
            values = groups[name][metric].dropna().to_numpy(float)
            _marks(figure, name, values, seed_interval(values), place, cell)
        if log:
            figure.update_xaxes(type="log", **cell)

    return _panels(f"{title} (small marks: seeds)", labels, names, draw)


def paired_changes(found: Sequence[Change], labels: Mapping[str, str], title: str) -> go.Figure:
    """Show regularised minus plain, seed by seed, with Student's intervals over seeds.

    Parameters
    ----------
    found
        As `score_tables.changes` gives them.
    labels
        Of the metrics, with their units.
    """
    names = list(dict.fromkeys(f"{one.name} minus {one.plain}" for one in found))

    def draw(figure: go.Figure, metric: str, cell: dict[str, int]) -> None:
        for one in found:
            if one.metric == metric:
                place = names.index(f"{one.name} minus {one.plain}")
                _marks(figure, one.name, one.differences, one.test.interval, place, cell)
        # Last, for Plotly draws no line into a panel that is still empty.
        figure.add_vline(x=0, line_color=GREY, line_dash="dash", **cell)

    differences = {metric: f"change of {label}" for metric, label in labels.items()}
    return _panels(f"{title} (95 % intervals over seeds)", differences, names, draw)


def before_and_after(found: Systems, labels: Mapping[str, str], reading: str) -> go.Figure:
    """Show measures of confidence as trained and after the temperature, a panel a measure.

    Parameters
    ----------
    found
        Records by system.
    labels
        Of the measures that are also recorded as `scaled-...`.
    """
    names = list(found)

    def draw(figure: go.Figure, metric: str, cell: dict[str, int]) -> None:
        for place, name in enumerate(names):
            pairs = [values_of(found[name], key, reading) for key in (metric, f"scaled-{metric}")]
            means = [float(np.nanmean(v)) if np.isfinite(v).any() else np.nan for v in pairs]
            style = style_of(name)
            figure.add_scatter(
                x=means, y=[place - _ABOVE] * 2, mode="lines", hoverinfo="skip",
                line={"color": style.colour, "width": 1.5}, showlegend=False, **cell,
            )  # fmt: skip
            for state, values, mean in zip(_STATES, pairs, means, strict=True):
                symbol = _STATES[state]
                colour = {"color": style.colour, "symbol": symbol}
                figure.add_scatter(
                    x=[mean, *values], y=[place - _ABOVE, *[place + _ABOVE] * len(values)],
                    name=f"{name}, {state}", mode="markers", showlegend=False,
                    marker={**colour, "size": [_MEAN_SIZE, *[_SEED_SIZE] * len(values)]}, **cell,
                )  # fmt: skip

    figure = _panels("Confidence and calibration (small marks: seeds)", labels, names, draw)
    for state, symbol in _STATES.items():
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=state, row=1, col=1,
            marker={"symbol": symbol, "color": GREY, "size": _MEAN_SIZE},
        )  # fmt: skip
    return figure.update_layout(showlegend=True)


_STATES: Mapping[str, str] = {"as trained": "circle", "after the temperature": "circle-open"}


def along_alpha(
    found: Mapping[float, Sequence[Record]], labels: Mapping[str, str], reading: str, title: str
) -> go.Figure:
    """Show metrics over alpha, all else equal; means with Student's intervals over seeds.

    Parameters
    ----------
    found
        Records by alpha, as `score_tables.over_alpha` gives them.
    labels
        Of the metrics, with their units.
    """
    if not found:
        return nothing_to_draw(title)
    regularised = [one for records in found.values() for one in records]
    losses = [one.experiment.loss for one in regularised if one.experiment.loss.is_regularised]
    style = style_of(system_name(losses[0]) if losses else "")
    figure = _grid(f"{title} (small marks: seeds)", list(labels), 320, gap=0.14)
    for place, (metric, label) in enumerate(labels.items()):
        cell = _cell(place)
        values = {alpha: values_of(records, metric, reading) for alpha, records in found.items()}
        means = {alpha: seed_interval(own) for alpha, own in values.items()}
        figure.add_scatter(
            x=[alpha for alpha, own in values.items() for _ in own],
            y=[value for own in values.values() for value in own], mode="markers",
            marker={**style.marker(_SEED_SIZE), "opacity": 0.7}, name="seeds", showlegend=False,
            **cell,
        )  # fmt: skip
        figure.add_scatter(
            x=list(means), y=[one.mean for one in means.values()], mode="lines+markers",
            line={"color": style.colour, "dash": style.dash}, marker=style.marker(_MEAN_SIZE),
            error_y=_error(list(means.values())), name="mean", showlegend=False, **cell,
        )  # fmt: skip
        figure.update_xaxes(title_text="alpha", zeroline=False, **cell)
        figure.update_yaxes(title_text=_wrap(label, 32), **cell)
    return figure


def _panels(title: str, labels: Mapping[str, str], names: Sequence[str], draw: Draw) -> go.Figure:
    """Return a figure of a panel a metric, with a row a name, two panels side by side."""
    wrapped = [_wrap(name, 18) for name in names]
    lines = max((name.count("<br>") + 1 for name in wrapped), default=1)
    row = _ROW + _LINE * (lines - 1)
    figure = _grid(title, list(labels), 120 + row * max(len(names), 2), gap=0.06)
    for place, (metric, label) in enumerate(labels.items()):
        cell = _cell(place)
        draw(figure, metric, cell)
        figure.update_xaxes(title_text=_wrap(label, 32), **cell)
        figure.update_yaxes(
            tickvals=list(range(len(names))), ticktext=wrapped, ticks="", zeroline=False,
            range=[len(names) - 0.4, -0.6], showticklabels=cell["col"] == 1, **cell,
        )  # fmt: skip
    return figure


def _grid(title: str, metrics: Sequence[str], height: int, gap: float) -> go.Figure:
    """Return a figure of panels, each `height` pixels with its axis, `gap` of the width apart."""
    columns = min(COLUMNS, len(metrics))
    rows = -(-len(metrics) // max(columns, 1))
    between = 95 / (height * rows) if rows > 1 else 0
    figure = make_subplots(
        rows=max(rows, 1), cols=max(columns, 1), horizontal_spacing=gap, vertical_spacing=between
    )
    return figure.update_layout(
        template=TEMPLATE,
        height=height * max(rows, 1) + 90,
        showlegend=False,
        title={"text": title},
    )


def _wrap(text: str, width: int) -> str:
    return "<br>".join(textwrap.wrap(text, width, break_on_hyphens=False))


def _cell(place: int) -> dict[str, int]:
    return {"row": place // COLUMNS + 1, "col": place % COLUMNS + 1}


def _marks(
    figure: go.Figure, name: str, seeds: FloatArray, mean: Interval, place: int,
    cell: dict[str, int],
) -> None:  # fmt: skip
    """Draw the seeds of a system and, a little above, their mean with its interval."""
    style = style_of(name)
    figure.add_scatter(
        x=seeds, y=[place + _ABOVE] * len(seeds), mode="markers", name=name,
        marker={**style.marker(_SEED_SIZE), "opacity": 0.8}, **cell,
    )  # fmt: skip
    figure.add_scatter(
        x=[mean.mean], y=[place - _ABOVE], mode="markers", name=f"{name}, mean", orientation="h",
        marker=style.marker(_MEAN_SIZE), error_x=_error([mean]), **cell,
    )  # fmt: skip


def _error(found: Sequence[Interval]) -> dict[str, Any]:
    """Return Plotly's bars of intervals; none where there are no bounds."""
    return {
        "type": "data", "symmetric": False, "thickness": 2, "width": 5,
        "array": [_bar(one.high - one.mean) for one in found],
        "arrayminus": [_bar(one.mean - one.low) for one in found],
    }  # fmt: skip


def _bar(length: float) -> float | None:
    return None if np.isnan(length) else length
