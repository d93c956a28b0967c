import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import FULL, scored_place
from scipy.stats import gaussian_kde

from btsr_core.pages import score_figures, seed_figures
from btsr_core.pages import score_tables as tables
from btsr_core.pages.results import metric_points, systems
from btsr_core.pages.styles import BLUE, GREY, VERMILION
from btsr_core.pages.template import TEMPLATE

LABELS = {"overlap": "overlap factor", "auc": "AUC", "nll": "NLL (nats)"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return scored_place(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def found(place):
    return systems(place)


@pytest.fixture(scope="module")
def drawn(place, found):
    """Every figure, by name."""
    points = metric_points(place, found, list(LABELS), FULL, baselines=False)
    return {
        "histograms": score_figures.score_histograms(tables.with_and_without(found, "duorec")),
        "overlaps": score_figures.overlap_intervals(found),
        "spectra": score_figures.spectra(found),
        "reliability": score_figures.reliability_diagrams(found),
        "ranks": score_figures.rank_probabilities(found),
        "by_system": seed_figures.by_system(points, LABELS, "Title"),
        "changes": seed_figures.paired_changes(
            tables.changes(found, list(LABELS), FULL), LABELS, "Title"
        ),
        "alpha": seed_figures.along_alpha(tables.over_alpha(place), LABELS, FULL, "Title"),
        "scaled": seed_figures.before_and_after(found, {"nll": "NLL (nats)"}, FULL),
    }


def test_all_have_titles_named_axes_and_the_template(drawn):
    for name, figure in drawn.items():
        assert figure.layout.title.text, name
        assert figure.layout.template.layout.font.family == TEMPLATE.layout.font.family, name
        used = {trace.xaxis or "x" for trace in figure.data}
        for axis in used:
            assert figure.layout[axis.replace("x", "xaxis")].title.text, (name, axis)


def test_histograms_show_both_kinds_of_every_seed(drawn):
    figure = drawn["histograms"]
    assert len(figure.data) == 3 * (2 * 4 + 2)  # three systems: steps of 4 seeds, 2 curves
    first = [trace for trace in figure.data if trace.name.endswith("seed 0")]
    assert {trace.line.color for trace in first} >= {BLUE, GREY}
    assert all(trace.fill == "tozeroy" and trace.opacity == 1 for trace in first)
    panels = [note.text for note in figure.layout.annotations]
    assert [text.split(":")[0] for text in panels] == ["SASRec-CE", "DuoRec", "SASRec-BCE"]
    for trace in first:
        assert len(trace.x) == len(trace.y)
        assert (np.diff(trace.x) * trace.y[:-1]).sum() == pytest.approx(1)


def test_smooth_curve_is_the_kernel_density_of_the_sample():
    scores = np.random.default_rng(0).normal(2, 1.5, 500)
    density, edges = np.histogram(scores, 200, density=True)
    places, heights = score_figures.smooth(edges, density, len(scores))
    np.testing.assert_allclose(heights, gaussian_kde(scores)(places), atol=0.003)


@given(
    st.lists(st.integers(0, 9), min_size=3, max_size=12).filter(lambda n: sum(map(bool, n)) > 1),
    st.floats(2, 1e7),
)
def test_smooth_curve_draws_no_bins(counts, n):
    """Kernels as wide as a bin cannot sink between bins of equal height."""
    edges = np.linspace(0, 1, len(counts) + 1)
    density = np.array(counts) / sum(counts) * len(counts)
    places, heights = score_figures.smooth(edges, density, n)
    assert (heights >= 0).all()
    assert np.trapezoid(heights, places) <= 1 + 1e-6
    _, flat = score_figures.smooth(np.linspace(0, 1, 21), np.ones(20), n)
    middle = flat[60:140]
    assert middle.min() >= min(middle[0], middle[-1]) - 1e-3


@pytest.mark.parametrize("density", [[0, 3, 0], [np.nan] * 3, [0, 0, 0]])
def test_no_curve_without_spread(density):
    places, heights = score_figures.smooth(np.linspace(0, 1, 4), np.array(density, float), 30)
    assert len(places) == len(heights) == 0


def test_overlaps_have_their_own_intervals(drawn, found):
    for trace, (name, records) in zip(drawn["overlaps"].data, found.items(), strict=True):
        assert trace.name == name
        np.testing.assert_allclose(trace.x, [one.value("overlap", FULL) for one in records])
        np.testing.assert_allclose(
            [*trace.error_x.array, *trace.error_x.arrayminus], 0.05, atol=1e-6
        )


def test_spectra_start_at_one_and_say_both_numbers(drawn, found):
    figure = drawn["spectra"]
    assert len(figure.data) == 2 * sum(map(len, found.values()))
    for trace in figure.data:
        assert trace.y[0] == 1
        assert (np.diff(trace.y) <= 0).all()
    legend = [trace.name for trace in figure.data if trace.showlegend]
    assert len(legend) == len(found)
    rank = np.mean([one.value("effective-rank", FULL) for one in found["BT-SR"]])
    number = np.mean([one.value("notebook-rank", FULL) for one in found["BT-SR"]])
    assert f"BT-SR: effective rank {rank:.1f}, notebook {number:.1f}" in legend
    assert figure.layout.yaxis.type == "log"


def test_reliability_pools_seeds_and_drops_empty_bins(drawn):
    ours = [trace for trace in drawn["reliability"].data if trace.name == "BT-SR"]
    for trace in ours:  # four seeds, of which two had every hit in the second bin
        assert trace.x == pytest.approx((0.1, 0.3))
        assert trace.y == pytest.approx((0, 0.5))
        assert tuple(trace.text) == (180, 60)
    diagonal = [trace for trace in drawn["reliability"].data if trace.line.dash == "dash"]
    assert [tuple(trace.x) == tuple(trace.y) for trace in diagonal] == [True, True]


def test_only_binary_systems_claim_by_sigmoid(drawn):
    figure = drawn["ranks"]
    assert {trace.name for trace in figure.data} == {"SASRec-BCE"}
    hits = next(trace for trace in figure.data if trace.line.dash == "dash")
    assert np.isnan(hits.y[-1])  # no hit has no place on a logarithmic axis
    empty = score_figures.rank_probabilities({})
    assert "no system" in empty.layout.annotations[0].text


def test_seeds_and_means_of_systems(drawn, found):
    figure = drawn["by_system"]
    own = [trace for trace in figure.data if trace.name.startswith("BT-SR") and trace.xaxis == "x"]
    values = [one.value("overlap", FULL) for one in found["BT-SR"]]
    np.testing.assert_allclose(own[0].x, values)
    assert own[1].x[0] == pytest.approx(np.mean(values))
    interval = tables.seed_interval(np.array(values))
    assert own[1].error_x.array[0] == pytest.approx(interval.high - interval.mean)
    assert own[1].marker.color == VERMILION
    assert figure.layout.yaxis.ticktext == tuple(found)
    assert figure.layout.yaxis.showticklabels
    assert not figure.layout.yaxis2.showticklabels


def test_one_seed_has_no_bar(place, found):
    one = {"BT-SR": found["BT-SR"][:1]}
    points = metric_points(place, one, ["auc"], FULL, baselines=False)
    _, mean = seed_figures.by_system(points, {"auc": "AUC"}, "Title").data
    assert mean.error_x.array == (None,)


def test_changes_are_drawn_beside_zero(drawn, found):
    figure = drawn["changes"]
    compared = tables.changes(found, list(LABELS), FULL)
    seeds = [trace for trace in figure.data if not trace.name.endswith("mean")]
    for trace, one in zip(seeds, compared, strict=True):
        np.testing.assert_allclose(trace.x, one.differences)
    assert len(figure.layout.shapes) == len(LABELS)


def test_alpha_in_order_or_a_note_that_nothing_is_recorded(drawn):
    means = [trace for trace in drawn["alpha"].data if trace.name == "mean"]
    assert [tuple(trace.x) for trace in means] == [(0, 0.2, 0.4)] * len(LABELS)
    nothing = seed_figures.along_alpha({}, LABELS, FULL, "Title")
    assert "no run is recorded" in nothing.layout.annotations[0].text


def test_before_and_after_the_temperature(drawn, found):
    figure = drawn["scaled"]
    before, after = (
        next(trace for trace in figure.data if trace.name == f"BT-SR, {state}")
        for state in ("as trained", "after the temperature")
    )
    values = [one.value("nll", FULL) for one in found["BT-SR"]]
    np.testing.assert_allclose(before.x, [np.mean(values), *values])
    np.testing.assert_allclose(after.x, 0.9 * np.array(before.x))
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == [
        "as trained", "after the temperature",
    ]  # fmt: skip


def test_nothing_recorded_draws_empty_figures(place):
    points = metric_points(place, {}, ["auc"], FULL, baselines=False)
    assert points.empty
    for draw in ("score_histograms", "overlap_intervals", "spectra", "reliability_diagrams"):
        assert getattr(score_figures, draw)({}).layout.title.text
    assert seed_figures.paired_changes([], LABELS, "Title").layout.title.text
