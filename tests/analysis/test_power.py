import dataclasses
import math

import numpy as np
import oracles
import pytest
from handmade import KNOWN, simulate, within_chance
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from btsr_core.analysis.power import (
    detectable,
    power_of,
    seeds_needed,
    standard_error,
    users_needed,
    variance_components,
)

VARIANCES = st.floats(1e-4, 1)
DIFFERENCES = st.floats(1e-3, 1)
COUNTS = st.integers(1, 5000)


@st.composite
def components(draw):
    users, seeds, residual = draw(VARIANCES), draw(VARIANCES), draw(VARIANCES)
    return dataclasses.replace(KNOWN, users=users, seeds=seeds, residual=residual)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 8))
def test_components_are_those_of_the_slow_analysis_of_variance(seed, n_seeds, n_users):
    rng = np.random.default_rng(seed)
    d = (
        rng.normal(size=(n_seeds, 1))
        + rng.normal(size=n_users)
        + rng.normal(size=(n_seeds, n_users))
    )
    found = variance_components(d)
    expected = oracles.variance_components(d.tolist())
    assert (found.users, found.seeds, found.residual) == pytest.approx(expected, abs=1e-12)
    assert found.averaged == pytest.approx(np.var(d.mean(axis=0), ddof=1))
    assert found.single == pytest.approx(np.mean([np.var(row, ddof=1) for row in d]))
    assert (found.n_users, found.n_seeds) == (n_users, n_seeds)


def test_components_by_hand():
    # Rows differ by 2, columns by 4, nothing is left: the residual is 0, the variance between
    # columns 8 and that between rows 2.
    found = variance_components(np.array([[0.0, 4.0], [2.0, 6.0]]))
    assert (found.users, found.seeds, found.residual) == (8, 2, 0)
    assert (found.difference, found.averaged, found.single) == (3, 8, 8)
    crossed = variance_components(np.array([[1.0, -1.0], [-1.0, 1.0]]))  # nothing but the residual
    assert (crossed.users, crossed.seeds, crossed.residual) == (0, 0, 4)


def test_components_are_right_on_average():
    d = simulate(KNOWN, 0.1, 40, 5, np.random.default_rng(0))[:1000]
    found = [variance_components(one) for one in d]
    for name, variance in (
        ("users", 0.04),
        ("residual", 0.03),
        ("averaged", 0.046),
        ("single", 0.07),
    ):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(variance, rel=0.03)
    large = simulate(dataclasses.replace(KNOWN, seeds=0.04), 0, 40, 5, np.random.default_rng(1))
    seeds = [variance_components(one).seeds for one in large[:1000]]
    assert np.mean(seeds) == pytest.approx(0.04, rel=0.1)


def test_standard_error_is_the_spread_of_the_simulated_mean():
    means = simulate(KNOWN, 0.1, 40, 5, np.random.default_rng(0)).mean(axis=(1, 2))
    assert standard_error(KNOWN, 40, 5) == pytest.approx(means.std(), rel=0.05)
    assert standard_error(KNOWN, 40, 5) == math.sqrt(0.04 / 40 + 0.0004 / 5 + 0.03 / 200)


@pytest.mark.parametrize("difference", [0.0, 0.05, 0.1])
def test_power_is_the_share_of_simulated_experiments_that_see_it(difference):
    means = simulate(KNOWN, difference, 40, 5, np.random.default_rng(2)).mean(axis=(1, 2))
    seen = (abs(means) / standard_error(KNOWN, 40, 5) > 1.959964).mean()
    assert within_chance(seen, power_of(KNOWN, difference, 40, 5))
    assert power_of(KNOWN, -difference, 40, 5) == power_of(KNOWN, difference, 40, 5)


def test_power_over_users_alone_is_that_of_the_test_paired_by_user():
    c, n_users = dataclasses.replace(KNOWN, seeds=0.0), 300
    small = [simulate(c, 0.03, n_users, 3, np.random.default_rng(s))[:400] for s in range(2)]
    d = np.concatenate(small).mean(axis=1)
    seen = (ttest_rel(d, np.zeros_like(d), axis=1).pvalue < 0.05).mean()
    assert seen == pytest.approx(power_of(c, 0.03, n_users, 3), abs=0.06)


def test_detectable_by_hand():
    # 1.9600 + 0.8416 standard errors, as every textbook has it.
    assert detectable(KNOWN, 40, 5) == pytest.approx(
        2.8016 * standard_error(KNOWN, 40, 5), rel=1e-4
    )


@given(components(), COUNTS, COUNTS, st.floats(0.1, 0.99))
def test_detectable_is_seen_with_the_power(c, n_users, n_seeds, power):
    difference = detectable(c, n_users, n_seeds, power)
    assert power_of(c, difference, n_users, n_seeds) == pytest.approx(power)


@given(components(), DIFFERENCES, COUNTS)
def test_more_users_seeds_or_difference_is_more_power(c, difference, n):
    power = power_of(c, difference, n, n)
    assert 0.05 <= power <= 1
    assert power_of(c, difference, n + 1, n) >= power
    assert power_of(c, difference, n, n + 1) >= power
    assert power_of(c, 1.1 * difference, n, n) >= power
    assert detectable(c, n + 1, n) < detectable(c, n, n)
    assert detectable(c, n, n + 1) < detectable(c, n, n)


@given(components(), DIFFERENCES, COUNTS)
def test_needed_is_the_fewest_that_suffice(c, difference, given_n):
    for needed, power in (
        (users_needed(c, difference, given_n), lambda n: power_of(c, difference, n, given_n)),
        (seeds_needed(c, difference, given_n), lambda n: power_of(c, difference, given_n, n)),
    ):
        if math.isinf(needed):
            assert power(10**12) < 0.8 + 1e-6
        else:
            assert needed == int(needed) >= 1
            assert power(needed) >= 0.8 - 1e-9
            assert needed == 1 or power(needed - 1) < 0.8 + 1e-9


@given(components(), DIFFERENCES, COUNTS)
def test_needed_falls_with_the_difference_and_with_the_other_kind(c, difference, n):
    for needed in (users_needed, seeds_needed):
        assert needed(c, 2 * difference, n) <= needed(c, difference, n)
        assert needed(c, difference, n + 1) <= needed(c, difference, n)


def test_more_of_one_kind_cannot_remove_the_variance_of_the_other():
    between_users = 2.8016 * math.sqrt(0.04 / 100)
    assert seeds_needed(KNOWN, 0.99 * between_users, 100) == math.inf
    assert math.isfinite(seeds_needed(KNOWN, 1.01 * between_users, 100))
    between_seeds = 2.8016 * math.sqrt(0.0004 / 5)
    assert users_needed(KNOWN, 0.99 * between_seeds, 5) == math.inf
    assert math.isfinite(users_needed(KNOWN, 1.01 * between_seeds, 5))


def test_needed_where_one_kind_does_not_vary():
    seeds_alone = dataclasses.replace(KNOWN, users=0.0, residual=0.0)
    assert users_needed(seeds_alone, 0.1, 5) == 1
    assert users_needed(seeds_alone, 0.001, 5) == math.inf
    users_alone = dataclasses.replace(KNOWN, seeds=0.0, residual=0.0)
    assert seeds_needed(users_alone, 0.1, 40) == 1
    assert seeds_needed(users_alone, 0.1, 30) == math.inf
    assert users_needed(users_alone, 0.1, 1) == math.ceil(0.04 * (2.80158 / 0.1) ** 2)


def test_no_difference_is_never_seen():
    assert users_needed(KNOWN, 0.0, 5) == math.inf
    assert seeds_needed(KNOWN, 0.0, 40) == math.inf
    assert power_of(KNOWN, 0.0, 40, 5) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "d",
    [
        np.zeros((5, 40)),  # identical systems
        np.full((5, 40), 0.1),  # that differ by the same everywhere
        np.random.default_rng(0).normal(size=(1, 40)),  # one seed
        np.random.default_rng(0).normal(size=(5, 1)),  # one user
        np.zeros((1, 1)),
        np.empty((5, 0)),
        np.empty((0, 40)),
        np.full((5, 40), np.nan),
    ],
)
def test_what_cannot_be_known_is_not_a_number(d):
    c = variance_components(d)
    assert math.isnan(standard_error(c, 1000, 5))
    assert math.isnan(power_of(c, 0.01, 1000, 5))
    assert math.isnan(detectable(c, 1000, 5))
    assert math.isnan(users_needed(c, 0.01, 5))
    assert math.isnan(seeds_needed(c, 0.01, 1000))


def test_one_seed_still_tells_how_users_vary():
    d = np.random.default_rng(0).normal(size=(1, 40))
    found = variance_components(d)
    assert found.single == found.averaged == pytest.approx(d.var(ddof=1))


def test_experiments_without_users_or_seeds_are_not_a_number():
    for n_users, n_seeds in ((0, 5), (40, 0)):
        assert math.isnan(standard_error(KNOWN, n_users, n_seeds))
        assert math.isnan(power_of(KNOWN, 0.1, n_users, n_seeds))
    assert math.isnan(users_needed(KNOWN, 0.1, 0))
    assert math.isnan(seeds_needed(KNOWN, 0.1, 0))
    assert math.isnan(users_needed(KNOWN, math.nan, 5))


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="level < power"):
        detectable(KNOWN, 40, 5, power=0.05)
    with pytest.raises(ValueError, match="level < power"):
        users_needed(KNOWN, 0.1, 5, power=1.0)
    with pytest.raises(ValueError, match=r"\(S, U\)"):
        variance_components(np.zeros(3))
