import math

import numpy as np
import pytest
from made_up import scaling_results, system_results, write_results

from btsr_core.pages import cost_figures, template
from btsr_core.pages.costs import read_costs
from btsr_core.pages.styles import BLUE, GREY, PALETTE

OF_SYSTEMS = ("epoch_seconds", "ranked_per_second", "training_memory")
OF_POINTS = ("catalogue_curves", "length_curve", "users_curves")


@pytest.fixture
def results():
    return system_results()


@pytest.fixture
def scaling():
    return scaling_results()


def draw(name, folder, **files):
    found = read_costs(write_results(folder, **files))
    frame = found.systems if name in OF_SYSTEMS else found.points
    return getattr(cost_figures, name)(frame)


def notes(figure):
    return [note.text for note in figure.layout.annotations]


@pytest.mark.parametrize("name", [*OF_SYSTEMS, *OF_POINTS])
def test_has_a_title_and_named_axes_with_units(tmp_path, name):
    figure = draw(name, tmp_path)
    assert figure.layout.title.text
    assert figure.layout.template.layout.font.family == template.TEMPLATE.layout.font.family
    assert "log scale" in [*figure.select_xaxes()][-1].title.text
    assert len(figure.data)
    assert notes(figure) == []
    if name in OF_POINTS:
        seconds = "a second" if name == "users_curves" else "seconds a step"
        assert seconds in figure.layout.yaxis.title.text
        assert figure.layout.yaxis2.title.text == "memory (MiB)"


def test_systems_with_their_numbers_and_ratios(tmp_path):
    figure = draw("epoch_seconds", tmp_path)
    texts = {trace.name: trace.text.strip() for trace in figure.data}
    assert texts["SASRec-CE"] == "10"
    assert texts["Catalogue head alone"] == "8.0 (0.80\N{MULTIPLICATION SIGN})"
    assert texts["RecBole"] == "200 (20\N{MULTIPLICATION SIGN})"
    assert [trace.x[0] for trace in figure.data] == [8, 10, 13, 50, 200, 300]
    assert figure.layout.yaxis.ticktext[0] == "Catalogue<br>head alone"
    assert "times that of SASRec-CE" in figure.layout.title.text


def test_peers_are_grey_and_ours_are_not(tmp_path):
    for trace in draw("training_memory", tmp_path).data:
        ours = trace.name in ("SASRec-CE", "BT-SR")
        assert trace.marker.color in ((BLUE, *PALETTE) if ours else (GREY,))


def test_the_head_ranks_nobody(tmp_path):
    figure = draw("ranked_per_second", tmp_path)
    assert "Catalogue head alone" not in [trace.name for trace in figure.data]
    assert len(figure.layout.yaxis.ticktext) == len(figure.data) == 5


@pytest.mark.parametrize("name", OF_SYSTEMS)
def test_a_system_without_figures_keeps_its_place(tmp_path, results, name):
    results["measurements"]["recbole"]["failed"] = "no wheels"
    figure = draw(name, tmp_path, systems=results)
    assert "RecBole" in figure.layout.yaxis.ticktext
    assert "RecBole" not in [trace.name for trace in figure.data]
    (note,) = figure.layout.annotations
    assert (note.text, note.hovertext) == ("failed", "no wheels")
    assert note.y == list(figure.layout.yaxis.ticktext).index("RecBole")


def test_nothing_to_compare_with(tmp_path, results):
    results["measurements"]["ours-ce"]["not_measured"] = "too long"
    figure = draw("epoch_seconds", tmp_path, systems=results)
    assert "times" not in figure.layout.title.text
    assert all("\N{MULTIPLICATION SIGN}" not in trace.text for trace in figure.data)


def test_no_figure_at_all(tmp_path, results):
    for record in results["measurements"].values():
        record["failed"] = "everything"
    assert notes(draw("epoch_seconds", tmp_path, systems=results)) == ["failed"] * 6


def test_disturbed_systems_are_marked(tmp_path, results):
    results["measurements"]["padded"]["figures"]["other_load"] = 0.2
    figure = draw("epoch_seconds", tmp_path, systems=results)
    assert [trace.name for trace in figure.data if "*" in trace.text] == ["Padded SASRec"]
    assert "* disturbed" in figure.layout.title.text
    for other in ("ranked_per_second", "training_memory"):
        figure = draw(other, tmp_path, systems=results)
        assert not [trace for trace in figure.data if "*" in trace.text]


def test_catalogue_curves(tmp_path):
    figure = draw("catalogue_curves", tmp_path)
    lines = {(trace.name, trace.yaxis): trace for trace in figure.data}
    assert list(lines["SASRec-CE", "y"].x) == [10**4, 10**5, 10**6]
    assert list(lines["SASRec-CE", "y"].y) == [0.1, 1, 10]
    assert list(lines["SASRec-SCE", "y2"].y) == [80, 125, 575]
    assert len({trace.line.dash for trace in figure.data}) == 2


def test_a_point_without_figures_leaves_a_gap_and_is_named(tmp_path, scaling):
    del scaling["measurements"]["catalogue-sce-100000"]
    scaling["measurements"]["catalogue-ce-1000000"]["not_measured"] = "too long"
    figure = draw("catalogue_curves", tmp_path, scaling=scaling)
    said = ["SASRec-CE, 1,000,000: not measured", "SASRec-SCE, 100,000: not measured"]
    assert sorted(notes(figure)) == sorted(said * 2)  # in either panel
    lines = {(trace.name, trace.yaxis): trace for trace in figure.data}
    assert np.isnan(lines["SASRec-SCE", "y"].y).tolist() == [False, True, False]
    assert list(lines["SASRec-SCE", "y"].x) == [10**4, 10**5, 10**6]
    assert not lines["SASRec-SCE", "y"].connectgaps
    low, high = figure.layout.xaxis2.range
    assert low < 4
    assert high > 6  # where the first and the last catalogue lie


@pytest.mark.parametrize(("name", "curve"), [("length_curve", "length"), ("users_curves", "users")])
def test_an_absent_curve_is_told(tmp_path, scaling, name, curve):
    absent = (curve, "memory") if curve == "users" else (curve,)
    kept = {n: r for n, r in scaling["measurements"].items() if not n.startswith(absent)}
    figure = draw(name, tmp_path, scaling={**scaling, "measurements": kept})
    assert notes(figure) == ["not measured"] * 2


def test_evaluation_of_two_catalogues(tmp_path, scaling):
    scaling["measurements"]["memory-10000x1000000"]["not_measured"] = "too long"
    figure = draw("users_curves", tmp_path, scaling=scaling)
    assert [trace.name for trace in figure.data if trace.yaxis == "y"] == [
        "10,000 items", "1,000,000 items",
    ]  # fmt: skip
    assert notes(figure) == ["1,000,000 items, 10,000: not measured"] * 2


def test_disturbed_curves_say_so(tmp_path, scaling):
    scaling["measurements"]["length-50"]["figures"]["other_load"] = 0.3
    assert "disturbed" in draw("length_curve", tmp_path, scaling=scaling).layout.title.text
    assert "disturbed" not in draw("users_curves", tmp_path, scaling=scaling).layout.title.text


@pytest.mark.parametrize(("low", "high"), [(3.4, 98), (0.05, 0.4), (158, 250), (12, 5e6), (7, 7)])
def test_ticks_are_few_and_enough(low, high):
    ticks = cost_figures._ticks(low, high)
    margin = 0.1 * max(math.log10(high / low), 0.3)
    inside = [v for v in ticks["tickvals"] if low / 10**margin <= v <= high * 10**margin]
    assert len(inside) <= 8
    assert low == high or len(inside) >= 2
