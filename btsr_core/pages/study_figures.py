"""Figures of the study: its comparisons, its trials, and its runs epoch by epoch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.pages.comparisons import Comparison
from btsr_core.pages.epochs import METRICS, EqualEpochs, curve, kept_value
from btsr_core.pages.results import Systems
from btsr_core.pages.study_tables import VALID
from btsr_core.pages.styles import GREY, style_of
from btsr_core.pages.template import TEMPLATE, height_for, new_figure

_ROW = 34
"""Pixels of a system."""
_PAIR = 48
"""Pixels of a comparison, which is named in two lines that must not run into the next."""
_ABOVE = 0.17
"""How far above the middle of its row a mean stands, in rows; single runs lie as far below."""
_SEED, _MEAN = 7, 11


def comparison_figure(comparisons: Sequence[Comparison]) -> go.Figure:
    """Show the differences of some comparisons, with their intervals, seeds, and what was visible.

    Parameters
    ----------
    comparisons
        On one metric, as `comparisons.compare_all` gives them.
    """
    known = [one for one in comparisons if one.seeds]
    metric = known[0].metric if known else ""
    over = "seeds" if known and known[0].over_users is None else "users and seeds"
    names = [f"{one.first} minus {one.second}" for one in known]
    figure = new_figure(
        f"Differences in {metric} (95 % intervals over {over})",
        height=220 + _PAIR * max(len(known), 3),
    )
    figure.add_vline(x=0, line_color=GREY, line_dash="dash")
    for place, one in enumerate(known):
        style, low, high = style_of(one.second), one.interval.low, one.interval.high
        seen = one.visible_over_seeds if np.isnan(one.visible) else one.visible
        figure.add_scatter(
            x=[-seen, seen], y=[place, place], mode="markers", showlegend=False, name=names[place],
            marker={"symbol": "line-ns", "size": 20, "line": {"color": GREY, "width": 2}},
            hovertemplate="visible with 80 % power: %{x:.4f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=one.by_seed, y=[place + _ABOVE] * one.seeds, mode="markers", showlegend=False,
            name=names[place], marker={**style.marker(_SEED), "opacity": 0.7},
            hovertemplate="one seed: %{x:.4f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        bars = [None if np.isnan(end) else abs(end - one.difference) for end in (low, high)]
        figure.add_scatter(
            x=[one.difference], y=[place - _ABOVE], mode="markers", orientation="h",
            showlegend=False, name=names[place], marker=style.marker(_MEAN),
            error_x={
                "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                "arrayminus": bars[:1], "array": bars[1:],
            },
            hovertemplate="mean: %{x:.4f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    for name, marker in (
        ("mean", {"symbol": "circle", "size": _MEAN, "color": GREY}),
        ("one seed", {"symbol": "circle", "size": _SEED, "color": GREY, "opacity": 0.7}),
        (
            "smallest difference seen with 80 % power",
            {"symbol": "line-ns", "size": 16, "line": {"color": GREY, "width": 2}},
        ),
    ):
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)
    figure.update_xaxes(title_text=f"difference in {metric}", tickangle=0, nticks=6)
    # In two lines, which leave a phone room for the marks.
    _name_rows(figure, [name.replace(" minus ", "<br>minus ") for name in names])
    return figure


def trial_strip(trials: pd.DataFrame) -> go.Figure:
    """Show the trials of each search by their score; what it chose is large, its defaults a cross.

    Parameters
    ----------
    trials
        As `study_tables.trial_table` gives them.
    """
    names = list(dict.fromkeys(trials["system"]))
    figure = new_figure(f"Trials of each search ({VALID})", height=170 + _ROW * max(len(names), 3))
    for place, name in enumerate(names):
        own = trials[(trials["system"] == name) & trials[VALID].notna()]
        style = style_of(name)
        sizes = np.where(own["is chosen"], 15, 8)
        figure.add_scatter(
            x=own[VALID], y=[place] * len(own), mode="markers", name=name, showlegend=False,
            marker=style.marker(sizes), customdata=own[["trial", "settings"]],
            hovertemplate="trial %{customdata[0]}: %{x:.4f}<br>%{customdata[1]}"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        first = own[own["trial"] == 0]
        figure.add_scatter(
            x=first[VALID], y=[place - 0.36] * len(first), mode="markers", name=name,
            showlegend=False, hoverinfo="skip", marker={"symbol": "triangle-down", "size": 9,
                                                        "color": GREY},
        )  # fmt: skip
    for name, marker in (
        ("chosen", {"symbol": "circle", "size": 15, "color": GREY}),
        ("another trial", {"symbol": "circle", "size": 8, "color": GREY}),
        ("points at the defaults", {"symbol": "triangle-down", "size": 9, "color": GREY}),
    ):
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)
    figure.update_xaxes(title_text=VALID)
    _name_rows(figure, names)
    return figure


def validation_curves(found: Systems) -> go.Figure:
    """Show validation accuracy and coverage after each epoch, a line a run, a mark where kept."""
    figure = _stacked(
        "Validation metrics over training (marks: epoch kept)", height_for(600, len(found))
    )
    for row, metric in enumerate(METRICS, start=1):
        for name, records in found.items():
            style = style_of(name)
            for order, record in enumerate(records):
                values = curve(record, metric)
                figure.add_scatter(
                    x0=1, y=values, mode="lines", name=name,
                    legendgroup=name, showlegend=False, opacity=0.45, hoverinfo="skip",
                    line={"color": style.colour, "dash": style.dash, "width": 1.2},
                    row=row, col=1,
                )  # fmt: skip
                figure.add_scatter(
                    x=[record.best_epoch], y=[kept_value(record, metric)], mode="markers",
                    name=name, legendgroup=name, showlegend=row == 1 and order == 0,
                    marker=style.marker(11), row=row, col=1,
                    hovertemplate=f"seed {record.experiment.train.seed}, epoch %{{x}}: %{{y:.4f}}"
                    "<extra>%{fullData.name}</extra>",
                )  # fmt: skip
        figure.update_yaxes(title_text=metric, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title_text="epoch", rangemode="tozero", row=2, col=1)
    return figure


def equal_epoch_figure(found: Sequence[EqualEpochs]) -> go.Figure:
    """Show by how much a system exceeds another after each epoch that both have: seeds and mean.

    Parameters
    ----------
    found
        One for each of `epochs.METRICS`, of the same two systems.
    """
    names = f"{found[0].first} minus {found[0].second}"
    figure = _stacked(f"{names} at equal epochs (validation users)", 540)
    style = style_of(found[0].first)
    for row, one in enumerate(found, start=1):
        epochs = np.arange(1, one.epoch + 1)
        figure.add_hline(y=0, line_color=GREY, line_dash="dash", row=row, col=1)
        for order, values in enumerate(one.by_epoch.T):
            figure.add_scatter(
                x=epochs, y=values, mode="lines", name="one seed", legendgroup="seed",
                showlegend=row == 1 and order == 0, opacity=0.6, row=row, col=1,
                line={"color": GREY, "width": 1.2},
            )  # fmt: skip
        low, high = one.bounds.T
        if not np.isnan(low).any():
            figure.add_scatter(
                x=[*epochs, *epochs[::-1]], y=[*high, *low[::-1]], mode="lines", fill="toself",
                name="95 % interval of the mean", legendgroup="interval", showlegend=row == 1,
                line={"width": 0}, fillcolor="rgba(140,140,140,0.2)", hoverinfo="skip", row=row,
                col=1,
            )  # fmt: skip
        figure.add_scatter(
            x=epochs, y=one.by_epoch.mean(axis=1) if one.by_epoch.size else [], mode="lines",
            name="mean over seeds", legendgroup="mean", showlegend=row == 1, row=row, col=1,
            line={"color": style.colour, "width": 3},
        )  # fmt: skip
        figure.update_yaxes(title_text=f"difference in {one.metric}", row=row, col=1)
    figure.update_xaxes(title_text="epoch", row=len(found), col=1)
    return figure


def _stacked(title: str, height: int) -> go.Figure:
    """Return a figure of two panels, one above the other, over the same epochs."""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    return figure.update_layout(template=TEMPLATE, height=height, title={"text": title})


def _name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=list(names), ticks="", zeroline=False,
        range=[max(len(names), 1) - 0.4, -0.6],
    )  # fmt: skip
