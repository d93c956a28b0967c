import math

import numpy as np
import oracles
import pytest
from handmade import layout
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.analysis.intervals import (
    bootstrap_mean,
    interval_of_mean,
    relative,
    relative_gain,
    two_way_interval,
)


def test_bootstrap_interval_is_that_of_the_normal_approximation_for_many_users():
    values = (np.arange(2000) % 10 == 0).astype(float)
    found = bootstrap_mean(values)
    half = 1.96 * math.sqrt(0.1 * 0.9 / 2000)
    assert found.mean == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - half, abs=0.002)
    assert found.high == pytest.approx(0.1 + half, abs=0.002)
    assert found.excludes_zero
    assert not bootstrap_mean(np.array([-1.0, 1.0] * 50)).excludes_zero


def test_bootstrap_of_one_value_and_of_none():
    one = bootstrap_mean(np.array([0.3]))
    assert (one.low, one.high) == (pytest.approx(0.3), pytest.approx(0.3))
    assert math.isnan(bootstrap_mean(np.empty(0)).mean)


@pytest.mark.parametrize("values", [[0.3], [0.3, 0.3, 0.3], []])
def test_values_that_do_not_vary_pass_for_no_certainty(values):
    found = interval_of_mean(np.array(values))
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.excludes_zero
    assert found.mean == pytest.approx(0.3) if values else math.isnan(found.mean)


def test_values_that_vary_have_the_bootstrap_interval():
    values = np.array([0.1, 0.2, 0.6])
    assert interval_of_mean(values, 3) == bootstrap_mean(values, 3)


@pytest.mark.parametrize("shape", [(2, 9), (5, 7)])
def test_two_way_interval_is_that_of_the_slow_resamples(shape):
    a, b = layout(0, *shape), layout(1, *shape) - 0.2
    slow = oracles.two_way_means((a - b).tolist(), 4000, np.random.default_rng(5))
    found = two_way_interval(a, b)
    assert found.mean == pytest.approx((a - b).mean())
    # The two sets of resamples are others, so their percentiles agree but for chance.
    width = np.std(slow)
    assert found.low == pytest.approx(np.quantile(slow, 0.025), abs=0.2 * width)
    assert found.high == pytest.approx(np.quantile(slow, 0.975), abs=0.2 * width)


def test_two_way_interval_covers_other_users_and_other_seeds():
    scales, shape, trials = (0.1, 0.05, 0.1), (8, 40), 100
    zero = np.zeros(shape)
    two_way = users_only = 0
    for trial in range(trials):
        d = layout(trial, *shape, scales)
        two_way += not two_way_interval(d, zero).excludes_zero
        users_only += not bootstrap_mean(d.mean(axis=0)).excludes_zero
    # 95 % is wanted; seeds contribute most of the variance here, and users alone miss that.
    assert two_way / trials > 0.87
    assert users_only / trials < 0.8


def test_two_way_interval_of_what_cannot_be_told_has_no_bounds():
    values = layout(0, 4, 9)
    for a, b in (
        (values[:1], np.zeros((1, 9))),  # one seed
        (values[:, :1], np.zeros((4, 1))),  # one user
        (values, values),  # identical systems
        (values + 0.25, values),  # the same difference everywhere
        (np.empty((4, 0)), np.empty((4, 0))),
        (np.empty((0, 4)), np.empty((0, 4))),
        (np.where(values == values[0, 0], np.nan, values), np.zeros((4, 9))),
    ):
        for found in (two_way_interval(a, b), relative_gain(a, b)):
            assert math.isnan(found.low)
            assert math.isnan(found.high)
            assert not found.excludes_zero
    assert two_way_interval(values, values).mean == 0


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 9))
def test_two_way_interval_turns_with_the_systems_and_moves_with_a_shift(seed, n_seeds, n_users):
    a, b = layout(seed, n_seeds, n_users), layout(seed + 1, n_seeds, n_users)
    found, turned, moved = (
        two_way_interval(a, b),
        two_way_interval(b, a),
        two_way_interval(a + 1, b),
    )
    assert found.mean == pytest.approx(-turned.mean)
    assert (found.low, found.high) == (pytest.approx(-turned.high), pytest.approx(-turned.low))
    assert (moved.low, moved.high) == (pytest.approx(found.low + 1), pytest.approx(found.high + 1))
    order = np.random.default_rng(seed).permutation(n_seeds)
    assert two_way_interval(a[order], b[order]).mean == pytest.approx(found.mean)


def test_relative_gain_by_hand():
    assert relative(0.06, 0.05) == pytest.approx(0.2)
    assert math.isnan(relative(0.06, 0.0))
    b = 1 + layout(0, 4, 50)
    exact = relative_gain(1.1 * b, b)  # a tenth more everywhere is a tenth more in any resample
    assert (exact.mean, exact.low, exact.high) == (pytest.approx(0.1),) * 3


def test_relative_gain_is_the_difference_over_the_other_mean():
    b = 1 + layout(0, 4, 500)
    a = b + 0.05 + layout(1, 4, 500)
    gain, difference = relative_gain(a, b), two_way_interval(a, b)
    assert gain.mean == pytest.approx(difference.mean / b.mean())
    assert gain.low < gain.mean < gain.high
    # Dividing by a mean that varies a little changes the bounds a little.
    assert gain.high - gain.low == pytest.approx(
        (difference.high - difference.low) / b.mean(), rel=0.2
    )


def test_relative_gain_over_resamples_without_any_hit_has_no_bounds():
    b = np.zeros((3, 8))
    b[:, :2] = 1  # a tenth of the resamples leave out both users with a hit
    found = relative_gain(b + abs(layout(0, 3, 8)), b)
    assert math.isfinite(found.mean)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(relative_gain(b, np.zeros((3, 8))).mean)


def test_shapes_are_checked():
    for a, b in ((np.zeros((2, 3)), np.zeros((2, 4))), (np.zeros(3), np.zeros(3))):
        with pytest.raises(ValueError, match=r"must both be \(S, U\)"):
            two_way_interval(a, b)
