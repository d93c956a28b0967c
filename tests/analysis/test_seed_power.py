import dataclasses
import math

import numpy as np
import pytest
from handmade import KNOWN, simulate, within_chance
from scipy.stats import nct, t, ttest_rel

from btsr_core.analysis.power import variance_components
from btsr_core.analysis.seed_power import power_over_seeds, visible_over_seeds


@pytest.mark.parametrize("difference", [0.0, 0.03, 0.06])
def test_power_of_the_papers_test_is_the_share_of_simulated_tests_that_see_it(difference):
    same_users = dataclasses.replace(KNOWN, users=0.0)  # they do not vary from seed to seed
    means = simulate(same_users, difference, 40, 5, np.random.default_rng(3)).mean(axis=2)
    means += 0.2  # what the users have in common is in both systems
    seen = (ttest_rel(means, np.full_like(means, 0.2), axis=1).pvalue < 0.05).mean()
    assert within_chance(seen, power_over_seeds(KNOWN, difference, 40, 5))


def test_power_of_the_papers_test_at_the_ends():
    assert power_over_seeds(KNOWN, 0.0, 40, 5) == pytest.approx(0.05)
    for n_seeds in (2, 3, 5, 30):
        large = [power_over_seeds(KNOWN, size, 40, n_seeds) for size in np.geomspace(0.1, 100)]
        assert (np.diff(large) > -1e-12).all()
        assert large[-1] == pytest.approx(1)
    seen = [power_over_seeds(KNOWN, 0.03, 40, n) for n in range(2, 40)]
    assert (np.diff(seen) > 0).all()
    assert seen[-1] > 0.99


def test_what_cannot_be_known_is_not_a_number():
    constant = variance_components(np.full((5, 40), 0.1))
    assert math.isnan(power_over_seeds(constant, 0.01, 1000, 5))
    for n_users, n_seeds in ((0, 5), (40, 0), (40, 1)):
        assert math.isnan(power_over_seeds(KNOWN, 0.1, n_users, n_seeds))


def test_the_smallest_difference_seen_has_80_percent_power():
    d = np.array([0.01, 0.03, -0.02, 0.04])
    seen = visible_over_seeds(d)
    shift, critical = seen / (d.std(ddof=1) / 2), t.isf(0.025, 3)
    assert nct.sf(critical, 3, shift) == pytest.approx(0.8, abs=1e-3)
    assert visible_over_seeds(10 * d) == pytest.approx(10 * seen)
    assert np.isnan(visible_over_seeds(d[:1]))
    assert np.isnan(visible_over_seeds(np.full(3, 0.1)))
