"""What all figures of the book share: one template, and empty figures in it."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from btsr_core.pages.styles import BLUE, GREY, PALETTE

HEIGHT = 420
"""Pixels; a figure is as wide as the page."""

_AXIS = {
    "showline": True,
    "linecolor": GREY,
    "gridcolor": "rgba(140,140,140,0.25)",
    "zerolinecolor": "rgba(140,140,140,0.5)",
    "ticks": "outside",
    "tickcolor": GREY,
    "automargin": True,
    "title": {"standoff": 8, "font": {"size": 14}},
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "size": 14},
        "title": {"x": 0.01, "font": {"size": 16}, "y": 1, "yanchor": "top", "pad": {"t": 14}},
        "colorway": [BLUE, *PALETTE, GREY],
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {
            "orientation": "h",  # at the figure's foot, however many rows it takes
            "yref": "container",
            "y": 0.01,
            "yanchor": "bottom",
            "x": 0,
            "itemsizing": "constant",
        },
        "margin": {"l": 60, "r": 20, "t": 56, "b": 60},
        "hovermode": "closest",
    }
)


def as_written(text: str) -> str:
    """Return text as Plotly shows it literally, for it reads tags, entities and TeX in all text.

    A line feed stays one.
    """
    return html.escape(text, quote=False).replace("$", "&#36;").replace("\n", "<br>")


def new_figure(title: str, **layout: object) -> go.Figure:
    """Return an empty figure in the book's template; the title is any text."""
    base = {"template": TEMPLATE, "title": {"text": as_written(title)}, "height": HEIGHT}
    return go.Figure(layout={**base, **layout})


def nothing_to_draw(title: str) -> go.Figure:
    """Return a figure that says that its runs are missing, in a line and without axes."""
    figure = new_figure(title, height=130)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(
        text="no run is recorded that this figure could show", showarrow=False,
        x=0, xref="paper", xanchor="left", y=0.5, yref="paper",
    )  # fmt: skip


def height_for(least: int, systems: int) -> int:
    """Return the height of a figure of many systems: each row of its legend needs room."""
    return least + 12 * max(0, systems - 4)


def new_panels(title: str, names: Sequence[str], **layout: object) -> go.Figure:
    """Return a figure of panels side by side in the book's template; their names are any text."""
    titles = list(map(as_written, names))
    figure = make_subplots(cols=len(names), subplot_titles=titles, horizontal_spacing=0.11)
    base = {"template": TEMPLATE, "title": {"text": as_written(title)}, "height": HEIGHT}
    figure.update_layout(**{**base, **layout}, margin={"t": 88})
    return figure
