import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.pareto import (
    hypervolume,
    hypervolume_interval,
    hypervolume_ratios,
    hypervolume_share,
    hypervolumes_by_chance,
    pareto_front,
)
from btsr_core.errors import InputError

COORDINATES = st.integers(-2, 8).map(float)  # few values: ties and duplicates are common
PAIRS = st.tuples(COORDINATES, COORDINATES)
CLOUDS = st.lists(PAIRS, min_size=1, max_size=12)
REFERENCES = st.tuples(*[st.sampled_from([-1.0, 0.0, 2.5])] * 2)


@given(CLOUDS)
def test_front_is_its_definition(points):
    assert pareto_front(np.array(points)).tolist() == oracles.pareto_front(points)


@given(CLOUDS)
def test_the_best_of_either_aim_is_on_the_front(points):
    on_front = [
        point for point, on in zip(points, pareto_front(np.array(points)), strict=True) if on
    ]
    assert max(points) in on_front
    assert max(points, key=lambda point: point[::-1]) in on_front


def test_front_by_hand():
    points = np.array([[1, 3], [2, 2], [2, 1], [3, 0], [2, 2], [0, 3], [-0.0, 4], [0.0, 4]])
    expected = [True, True, False, True, True, False, True, True]
    assert pareto_front(points).tolist() == expected


def test_front_of_nothing_and_of_one():
    assert pareto_front(np.empty((0, 2))).shape == (0,)
    assert pareto_front(np.array([[-5.0, -5.0]])).tolist() == [True]


@given(CLOUDS, REFERENCES)
def test_area_is_that_of_the_grid(points, reference):
    expected = oracles.hypervolume(points, reference)
    assert hypervolume(np.array(points), reference) == pytest.approx(expected)


def test_area_is_the_share_of_darts_that_hit():
    rng = np.random.default_rng(0)
    points, darts = rng.random((7, 2)), rng.random((100_000, 2))
    hits = (darts[:, None, :] <= points).all(axis=2).any(axis=1)
    assert hypervolume(points) == pytest.approx(hits.mean(), abs=5 * hits.std() / 100_000**0.5)


@given(CLOUDS, PAIRS, REFERENCES)
def test_a_point_more_is_never_less(points, another, reference):
    before = hypervolume(np.array(points), reference)
    after = hypervolume(np.array([*points, another]), reference)
    assert after >= before
    if not pareto_front(np.array([*points, another]))[-1]:
        assert after == before


@given(CLOUDS, st.randoms(use_true_random=False), REFERENCES)
def test_order_duplicates_and_dominated_points_do_not_matter(points, random, reference):
    area = hypervolume(np.array(points), reference)
    more = points + random.choices(points, k=3)
    random.shuffle(more)
    assert hypervolume(np.array(more), reference) == pytest.approx(area)
    front = np.array(points)[pareto_front(np.array(points))]
    assert hypervolume(front, reference) == pytest.approx(area)
    assert hypervolume(np.array(points)[:, ::-1], reference[::-1]) == pytest.approx(area)


def test_area_by_hand():
    staircase = np.array([[1.0, 3], [2, 2], [3, 1]])
    assert hypervolume(staircase) == 6
    assert hypervolume(staircase, (1, 1)) == 1
    assert hypervolume(staircase, (3, 0)) == 0
    assert hypervolume(staircase, (-1, 0)) == 9
    assert hypervolume(np.array([[2.0, -1]])) == 0
    assert hypervolume(np.empty((0, 2))) == 0


@given(CLOUDS, CLOUDS, st.floats(0.1, 10), st.floats(0.1, 10))
def test_share_has_no_unit_and_ends_at_one(points, others, wide, high):
    a, b, scale = np.array(points), np.array(others), np.array([wide, high])
    share = hypervolume_share(a, b)
    if math.isnan(share):
        assert hypervolume(a) == hypervolume(b) == 0
        return
    assert 0 <= share <= 1
    assert hypervolume_share(a * scale, b * scale) == pytest.approx(share)
    assert hypervolume_share(np.concatenate([a, b]), b) == 1


def test_share_by_hand():
    low, high = np.array([[1.0, 1]]), np.array([[2.0, 2], [1, 1]])
    assert hypervolume_share(low, high) == 0.25
    assert hypervolume_share(high, low) == 1
    assert hypervolume_share(low, np.empty((0, 2))) == 1


def test_interval_of_runs_that_agree_is_a_point():
    points = np.array([[1.0, 3], [2, 2]])
    found = hypervolume_interval(np.stack([points] * 5))
    assert (found.mean, found.low, found.high) == (5, pytest.approx(5), pytest.approx(5))
    alone = hypervolume_interval(points[None])
    assert (alone.mean, alone.low, alone.high) == (5, 5, 5)


def test_interval_draws_whole_seeds():
    """What one setting loses another gains, seed by seed: the area of their mean stays."""
    seeds = np.linspace(-0.4, 0.4, 5)
    points = np.stack([[[1 + s, 1.0], [1.0 - s, 1.0]] for s in seeds])
    whole = hypervolume_interval(points[:, :1])
    assert whole.mean == pytest.approx(1)
    both = hypervolume_interval(points)
    # area of both = 1 + |mean of s|, which is never below one
    assert both.mean == pytest.approx(1)
    assert both.low >= 1 - 1e-12
    assert whole.low < 0.9
    assert both.high > 1.1


def test_interval_of_one_setting_is_that_of_the_exhaustive_bootstrap():
    lengths = np.array([0.1, 0.4, 0.9])
    points = np.stack([lengths, np.ones(3)], axis=-1)[:, None]
    draws = [np.mean([a, b, c]) for a in lengths for b in lengths for c in lengths]
    found = hypervolume_interval(points)
    assert found.mean == pytest.approx(lengths.mean())
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_interval_is_reproducible_and_empty_without_seeds():
    points = np.random.default_rng(1).random((4, 3, 2))
    assert hypervolume_interval(points) == hypervolume_interval(points)
    none = hypervolume_interval(np.empty((0, 3, 2)))
    assert all(math.isnan(value) for value in (none.mean, none.low, none.high))
    assert hypervolume_interval(np.empty((4, 0, 2))).mean == 0


def test_points_that_are_none():
    with pytest.raises(InputError, match=r"shape \(n, 2\); got \(3,\)"):
        hypervolume(np.ones(3))
    with pytest.raises(InputError, match=r"shape \(n, 2\); got \(2, 3\)"):
        pareto_front(np.ones((2, 3)))
    with pytest.raises(InputError, match=r"\(n_seeds, n_settings, 2\); got \(3, 2\)"):
        hypervolume_interval(np.ones((3, 2)))
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="leave out runs that measured nothing"):
            pareto_front(np.array([[1.0, bad]]))


def test_areas_by_chance_are_those_of_every_way_to_deal():
    points = np.array([[[1.0, 4.0], [3.0, 2.0]], [[2.0, 2.0], [5.0, 1.0]]])
    dealings = [points, np.stack([points[0], points[1, ::-1]])]  # the other two only swap names
    expected = [hypervolume(dealt.mean(axis=0)) for dealt in dealings]
    found = hypervolumes_by_chance(points)
    np.testing.assert_allclose(np.unique(found.round(9)), np.unique(np.round(expected, 9)))
    assert (np.isclose(found, expected[0])).mean() == pytest.approx(0.5, abs=0.05)


def test_one_setting_or_one_seed_leaves_nothing_to_chance():
    points = np.random.default_rng(0).random((3, 4, 2))
    for own in (points[:, :1], points[:1]):
        np.testing.assert_allclose(hypervolumes_by_chance(own), hypervolume(own.mean(axis=0)))
    assert hypervolumes_by_chance(points[:0]).shape == (0,)


def test_areas_by_chance_want_runs_by_seed():
    with pytest.raises(InputError, match="n_seeds, n_settings"):
        hypervolumes_by_chance(np.zeros((3, 2)))


def test_ratios_by_hand():
    """Areas 2 x 1 + 1 x 2 = 4 (the union 2 x 1 and 1 x 3), and 1 x 4 and 2 x 1 united: 5."""
    points = np.array([[[2, 1], [1, 3]], [[2, 2], [1, 1]]])  # 4 and 4
    others = np.array([[[1, 4], [2, 1]], [[4, 2], [1, 1]]])  # 5 and 8
    np.testing.assert_allclose(hypervolume_ratios(points, others), [4 / 5, 4 / 8])
    # Over (1, 0): 1 x 1 of 1 x 1; 1 x 2 of 3 x 2.
    np.testing.assert_allclose(hypervolume_ratios(points, others, (1.0, 0.0)), [1, 2 / 6])


@given(st.lists(st.tuples(PAIRS, PAIRS), min_size=1, max_size=4), REFERENCES)
def test_ratios_are_those_of_the_areas_seed_by_seed(runs, reference):
    points = np.array(runs)
    found = hypervolume_ratios(points, points[::-1], reference)
    for ratio, own, other in zip(found, points, points[::-1], strict=True):
        area = hypervolume(other, reference)
        if area:
            assert ratio == pytest.approx(hypervolume(own, reference) / area)
        else:
            assert math.isnan(ratio)


def test_ratios_of_other_seeds_or_shapes_are_refused():
    with pytest.raises(InputError, match="1 seeds, others of 2"):
        hypervolume_ratios(np.ones((1, 2, 2)), np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="shape"):
        hypervolume_ratios(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(InputError, match="NaN"):
        hypervolume_ratios(np.full((1, 2, 2), np.nan), np.ones((1, 2, 2)))
