"""Styles: one a name, and told apart, also by those who see fewer colours."""

import itertools

import numpy as np
import plotly.graph_objects as go
import pytest

from btsr_core.config import experiment
from btsr_core.names import BASELINES, CATALOGUE_HEAD, PEERS, system_name
from btsr_core.pages.styles import BLUE, GREY, PALETTE, STYLES, VIEWS, style_of
from btsr_core.settings import OBJECTIVES, REGULARISERS, View

# Linear RGB as seen without one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
VISION = {
    "all cones": np.eye(3),
    "no L cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no M cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no S cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab(colour, vision):
    """Return a colour's place in CIE L*a*b*, where distances are those that eyes see."""
    coded = np.array(list(bytes.fromhex(colour[1:]))) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(vision @ linear, 0, 1) / TO_XYZ.sum(1)
    x, y, z = np.cbrt(np.maximum(xyz, 1e-6))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_colours_of_models_are_told_apart_with_any_two_cones(vision):
    places = [lab(colour, np.array(VISION[vision])) for colour in (BLUE, *PALETTE)]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2)]
    assert min(distances) > 15  # of 2.3 that can just be noticed


def test_no_two_systems_look_alike():
    assert len(set(STYLES.values())) == len(STYLES)
    marks = {(style.colour, style.shape, style.filling) for style in STYLES.values()}
    assert len(marks) == len(STYLES)  # without lines, too


def test_the_kinds_of_systems_have_colours_of_their_own():
    plain = {
        system_name(experiment(objective=name, regulariser="none").loss) for name in OBJECTIVES
    }
    others = {*BASELINES, *PEERS.values(), CATALOGUE_HEAD}
    for name, style in STYLES.items():
        kind = BLUE if name in plain else GREY if name in others else None
        assert style.colour == kind if kind else style.colour in PALETTE


def test_every_name_has_a_style():
    for objective, regulariser in itertools.product(OBJECTIVES, REGULARISERS):
        assert system_name(experiment(objective=objective, regulariser=regulariser).loss) in STYLES
    for view in VIEWS:
        assert system_name(experiment(view=view).loss) in STYLES
    assert View.__args__ == VIEWS


def test_other_names_have_a_style_that_stays():
    one, other = style_of("somebody's model"), style_of("another model")
    assert one == style_of("somebody's model")
    assert one != other
    assert one not in STYLES.values()


@pytest.mark.parametrize("name", [*STYLES, "somebody's model"])
def test_plotly_knows_the_words(name):
    style = style_of(name)
    go.Scatter(marker=style.marker(9), line={"color": style.colour, "dash": style.dash})
    sizes = style.marker(np.array([0, 12]))["size"]
    assert sizes[0] == 0
    assert sizes[1] >= 12
