import numpy as np
import pytest
from made_up_records import made_up_place

from btsr_core.pages import frontier_figures as drawn
from btsr_core.pages import frontier_tables as tables
from btsr_core.pages import template
from btsr_core.pages.pairs import OURS, PLAIN, pair_of
from btsr_core.pages.results import metric_points, systems
from btsr_core.pages.seed_figures import by_system
from btsr_core.pages.styles import style_of

X, Y = "cov@10", "ndcg@10"


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


def traces(figure, **wanted):
    return [one for one in figure.data if all(one[k] == v for k, v in wanted.items())]


def check(figure):
    assert figure.layout.title.text
    assert figure.layout.template.layout.font.family == template.TEMPLATE.layout.font.family
    for axis in figure.select_xaxes():
        assert axis.title.text
    shown = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert figure.layout.showlegend is False or len(shown) == len(set(shown))


def test_every_seed_and_every_mean_between_accuracy_and_coverage(place):
    points = metric_points(place, systems(place), [X, Y], "full")
    figure = drawn.system_frontier(points, X, Y)
    check(figure)
    for name, records in systems(place).items():
        (seeds,) = traces(figure, name=f"{name}, seeds")
        (mean,) = traces(figure, name=name)
        assert len(seeds.x) == len(records) == 3
        assert mean.x[0] == pytest.approx(np.mean(seeds.x))
        assert mean.y[0] == pytest.approx(np.mean(seeds.y))
        assert mean.marker.color == style_of(name).marker(1)["color"]
        assert mean.marker.size > seeds.marker.size


def test_the_front_is_a_staircase_through_the_means_on_it():
    figure = template.new_figure("front")
    drawn.add_front(figure, np.array([[0.3, 0.1], [0.1, 0.4], [0.2, 0.2]]))
    (edge,) = figure.data
    assert list(edge.x) == [0, 0.1, 0.2, 0.3, 0.3]
    assert list(edge.y) == [0.4, 0.4, 0.2, 0.1, 0]
    assert edge.line.shape == "vh"


def test_an_empty_front_is_not_drawn():
    figure = template.new_figure("front")
    drawn.add_front(figure, np.empty((0, 2)))
    assert not figure.data


def test_one_seed_is_its_own_mean(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.seed > 0)
    points = metric_points(place, systems(place), [X, Y], "full")
    names = [one.name for one in drawn.system_frontier(points, X, Y).data]
    assert names == ["front of the means", *systems(place)]


def test_a_dial_is_a_line_through_its_means(place):
    turned = tables.dials(place)
    figure = drawn.dial_frontier(turned, systems(place), X, Y, "events")
    check(figure)
    (line,) = traces(figure, mode="lines+markers+text")
    (seeds,) = traces(figure, name="seeds along \N{GREEK SMALL LETTER ALPHA}")
    assert list(line.text) == ["0", "0.2", "0.4"]
    assert len(line.textposition) == 3
    assert len(seeds.x) == 9
    np.testing.assert_allclose(line.y, np.reshape(seeds.y, (3, 3)).mean(axis=1))
    assert seeds.text[3] == "\N{GREEK SMALL LETTER ALPHA} = 0.2"
    assert [note.text for note in figure.layout.annotations] == ["BT-SR"]


def test_without_a_dial_the_figure_says_so(place):
    figure = drawn.dial_frontier({}, systems(place), X, Y, "full")
    assert "no run is recorded" in figure.to_json()
    assert not figure.data


def test_exposure_has_a_panel_a_measure(place):
    points = metric_points(place, systems(place), tables.exposure_names(10), "full")
    figure = by_system(points, tables.exposure_labels(10), "Exposure")
    check(figure)
    assert len([*figure.select_xaxes()]) == len(tables.EXPOSURE)
    for name in systems(place):
        assert len(traces(figure, name=name)) == len(tables.EXPOSURE)
        mean, values = traces(figure, name=f"{name}, mean")[1], traces(figure, name=name)[1].x
        deviation = np.std(values, ddof=1) / np.sqrt(len(values))
        assert mean.x[0] == pytest.approx(np.mean(values))
        assert mean.error_x.array[0] == pytest.approx(4.302653 * deviation)  # t, 2 degrees


def test_exposure_of_one_seed_has_no_interval(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.seed > 0)
    points = metric_points(place, systems(place), tables.exposure_names(10), "full")
    found = by_system(points, tables.exposure_labels(10), "Exposure").data
    assert all(one.error_x.array == (None,) for one in found if one.name.endswith("mean"))


def test_groups_who_gain_have_their_intervals(place):
    found = tables.gains(place.targets, *pair_of(systems(place)), Y, "events")
    figure = drawn.gain_panels(found, Y, (OURS, PLAIN))
    check(figure)
    for trace, (feature, table) in zip(figure.data, found.items(), strict=True):
        assert trace.name == tables.FEATURES[feature]
        assert list(trace.y) == table["difference"].tolist()
        high = np.array(trace.y) + np.array(trace.error_y.array)
        np.testing.assert_allclose(high, table["high"])
        assert len(set(trace.x)) == len(table)


def test_nobody_gains_in_an_empty_figure():
    assert not drawn.gain_panels({}, Y, (OURS, PLAIN)).data
