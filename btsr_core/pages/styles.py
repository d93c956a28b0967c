"""How a system looks in every figure: the same colour, symbol and dash for the same name.

The colour and the shape say which regulariser, the filling of the shape and the dash of a line
which objective. Rankings that nothing was trained for are grey crosses, other implementations grey
bodies, and the part that none of them can do without is the grey outline of one.
"""

import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import numpy.typing as npt

from btsr_core.names import BASELINES, CATALOGUE_HEAD, PEERS, system_name
from btsr_core.settings import OBJECTIVES, REGULARISERS, LossConfig, View

# Okabe and Ito's palette and a brown, told apart under every common colour blindness. Blue is the
# plain model, grey what is no model; the others are regularisers, in the order of their registry.
BLUE, VERMILION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
BROWN, GREY = "#8B5A2B", "#8C8C8C"
PALETTE = (VERMILION, GREEN, ORANGE, PURPLE, BROWN)

VIEWS = get_args(View)
_SHAPES = ("circle", "triangle-up", "square", "diamond", "triangle-down", "pentagon",
           "diamond-wide", "diamond-tall", "hexagon2")  # fmt: skip
"""In the order of the regularisers, more than there are colours: a seventh is still told apart."""
_SHAPES_OF_VIEWS = ("", "star", "hexagon", "hexagram", "star-square", "star-diamond", "octagon")
"""In the order of the views; the first, every default, leaves the regulariser its own shape."""
_SHAPES_OF_BASELINES = ("x", "cross")
_SHAPES_OF_PEERS = ("square", "diamond", "hexagon")
_SHAPES_OF_OTHERS = ("bowtie", "hourglass", "star-triangle-up", "star-triangle-down")
_FILLINGS = ("full", "open", "pale", "dot")
_DASHES = ("solid", "dash", "dot", "dashdot")


class Style(NamedTuple):
    """How a system looks; colour, shape and dash in Plotly's words."""

    colour: str
    shape: str
    filling: str
    dash: str

    def marker(self, size: "float | npt.NDArray[Any]") -> dict[str, Any]:
        """Return Plotly's marker, whose lines are wide enough to tell the fillings apart."""
        if self.shape.startswith("triangle"):
            size = 1.25 * size  # Plotly's are smaller than its circles
        common = {"size": size, "color": self.colour, "symbol": self.shape}
        match self.filling:
            case "open":
                return {**common, "symbol": f"{self.shape}-open", "line": {"width": 2.5}}
            case "dot":
                return {**common, "symbol": f"{self.shape}-open-dot", "line": {"width": 2.5}}
            case "pale":
                red, green, blue = bytes.fromhex(self.colour[1:])
                pale = f"rgba({red}, {green}, {blue}, 0.4)"
                return {**common, "color": pale, "line": {"width": 1.5, "color": self.colour}}
            case _:
                return {**common, "line": {"width": 1, "color": "white"}}


def style_of(name: str) -> Style:
    """Return the style of a system by its name.

    A name that `names` does not give has a style too, made of the name alone: stable, but perhaps
    not its own.
    """
    if name in STYLES:
        return STYLES[name]
    drawn = zlib.crc32(name.encode())
    return Style(
        PALETTE[drawn % len(PALETTE)],
        _SHAPES_OF_OTHERS[drawn // 7 % len(_SHAPES_OF_OTHERS)],
        "full",
        _DASHES[drawn // 31 % len(_DASHES)],
    )


def _every_loss() -> Iterator[LossConfig]:
    """Yield a loss for every name that `names` gives to one."""
    for objective in OBJECTIVES:
        for regulariser, settings in REGULARISERS.items():
            views = VIEWS if "view" in settings.model_fields else (None,)
            for view in views:
                own = {} if view is None else {"view": view}
                chosen = {"objective": objective, "regulariser": {"name": regulariser, **own}}
                yield LossConfig.model_validate(chosen)


def _style(loss: LossConfig) -> Style:
    """Return the style of the systems that share a name with a loss."""
    objective, regulariser = (
        list(registry).index(chosen)
        for registry, chosen in (
            (OBJECTIVES, loss.objective.name),
            (REGULARISERS, loss.regulariser_name),
        )
    )
    view = VIEWS.index(getattr(loss.regulariser, "view", VIEWS[0])) if regulariser else 0
    shape = _SHAPES_OF_VIEWS[view] or _SHAPES[regulariser % len(_SHAPES)]
    return Style(
        PALETTE[(regulariser - 1) % len(PALETTE)] if regulariser else BLUE,
        shape,
        _FILLINGS[objective % len(_FILLINGS)],
        _DASHES[objective % len(_DASHES)],
    )


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        name: Style(GREY, shape, "full", "solid")
        for name, shape in (
            *zip(BASELINES, _SHAPES_OF_BASELINES, strict=True),
            *zip(PEERS.values(), _SHAPES_OF_PEERS, strict=True),
        )
    }
    | {CATALOGUE_HEAD: Style(GREY, "circle", "open", "solid")}
    | {system_name(loss): _style(loss) for loss in _every_loss()}
)
"""Of every name that `names` gives; no two are alike, which a test sees to."""
