"""Figures of what users and seeds it takes to see a difference."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from btsr_core.analysis.power import detectable
from btsr_core.pages.power_tables import Needs
from btsr_core.pages.styles import BLUE, GREEN, GREY, ORANGE, VERMILION
from btsr_core.pages.template import new_figure, new_panels

SEEDS = (1, 5, 20)
"""Numbers of seeds that a line is drawn for."""
_COLOURS = (ORANGE, BLUE, GREEN)
_DASHES = ("dot", "solid", "dash")


def detectable_differences(found: Sequence[Needs]) -> go.Figure:
    """Show the smallest difference that is seen with 80 % power against the number of users.

    Parameters
    ----------
    found
        Of one dataset and metric, one a reading of its test pool: a panel each.
    """
    if not found:
        return new_figure("Detectable difference: no pair of runs is recorded", height=120)
    one = found[0]
    title = f"{one.dataset}: difference of {one.metric} that is seen with 80 % power"
    figure = new_panels(title, [f"history {each.reading}" for each in found])
    for column, each in enumerate(found, start=1):
        cell = {"row": 1, "col": column}
        today = each.components
        users = np.unique(np.geomspace(20, 100 * max(today.n_users, 20), 60).astype(int))
        # One seed does not tell what more of them would do.
        for seeds in SEEDS if today.n_seeds > 1 else SEEDS[:1]:
            order = SEEDS.index(seeds)
            figure.add_scatter(
                x=users, y=[detectable(each.varying, int(n), seeds) for n in users], mode="lines",
                name=f"{seeds} seed{'s' * (seeds > 1)}", legendgroup=str(seeds),
                line={"color": _COLOURS[order], "dash": _DASHES[order], "width": 2},
                showlegend=column == 1, **cell,
            )  # fmt: skip
        figure.add_scatter(
            x=users[[0, -1]], y=[each.wanted.size] * 2, mode="lines", name="wanted",
            text=[each.wanted.source] * 2, line={"color": GREY, "dash": "longdash"},
            showlegend=column == 1, **cell,
        )  # fmt: skip
        figure.add_scatter(
            x=[today.n_users], y=[each.visible], mode="markers", name="today",
            marker={"color": VERMILION, "symbol": "star", "size": 14}, showlegend=column == 1,
            text=[f"{today.n_users:,} users, {today.n_seeds} seeds"], **cell,
        )  # fmt: skip
        figure.update_xaxes(title_text="users (log scale)", type="log", dtick=1, **cell)
    figure.update_yaxes(type="log", dtick="D2", matches="y", exponentformat="none")
    figure.update_yaxes(title_text=f"difference of {one.metric} (log scale)", col=1)
    return figure
