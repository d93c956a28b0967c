import math
from collections import Counter

import numpy as np
import oracles
import pytest
import torch
from handmade import assert_uniform, eval_set
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis import overlap
from btsr_core.analysis.overlap import (
    ScoreDensities,
    ScoreSamples,
    bin_edges,
    densities,
    kde_densities,
    overlap_factor,
    overlap_interval,
    overlaps_of_few,
    resampled_overlaps,
    score_samples,
    user_auc,
)
from btsr_core.errors import InputError
from btsr_core.evaluation.scorers import EmbeddingScorer


def ids_as_scores(n_users, n_items):
    """A scorer whose score of an item is its id."""
    return EmbeddingScorer(torch.ones(n_users, 1), torch.arange(n_items).float()[:, None])


def samples_of(positives, negatives):
    return ScoreSamples(np.arange(len(positives)), np.asarray(positives), np.asarray(negatives))


def drawn(seed, n_users=40, n_negatives=7, apart=1.0):
    """Scores of the users of a model that is better than chance by `apart` deviations."""
    rng = np.random.default_rng(seed)
    negatives = rng.normal(size=(n_users, n_negatives))
    return samples_of(rng.normal(apart, 1, size=n_users), negatives)


EMPTY = samples_of(np.empty(0, np.float32), np.empty((0, 5), np.float32))


def factor_of(samples):
    return overlap_factor(densities(samples, bin_edges(samples)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 12))
def test_negatives_are_what_the_user_has_not_had(seed, n_users, n_items):
    rng = np.random.default_rng(seed)
    histories = [rng.integers(n_items, size=rng.integers(0, 9)).tolist() for _ in range(n_users)]
    targets = rng.integers(n_items, size=n_users).tolist()
    found = score_samples(ids_as_scores(n_users, n_items), eval_set(histories, targets), 6, seed)
    had = [{*history, target} for history, target in zip(histories, targets, strict=True)]
    assert found.rows.tolist() == [u for u in range(n_users) if len(had[u]) < n_items]
    assert found.positives.tolist() == [targets[u] for u in found.rows]
    for user, negatives in zip(found.rows, found.negatives, strict=True):
        assert set(negatives.tolist()) <= set(range(n_items)) - had[user]


def test_negatives_are_uniform():
    histories, targets = [[0, 3, 3], [9], [5, 4, 6]], [7, 8, 5]
    found = score_samples(ids_as_scores(3, 10), eval_set(histories, targets), 20_000)
    for row, history in enumerate(histories):
        allowed = set(range(10)) - {*history, targets[row]}
        assert_uniform(Counter(found.negatives[row].tolist()), allowed)


def test_histories_may_be_windows_of_longer_ones():
    users = eval_set([[1, 2, 3], [4, 5, 6]], [0, 0])
    shorter = users.inputs.drop_last(2)  # [1] and [4], with gaps between them
    cut = type(users)(shorter, users.targets, users.users)
    found = score_samples(ids_as_scores(2, 7), cut, 500)
    assert set(found.negatives[0].tolist()) == {2, 3, 4, 5, 6}
    assert set(found.negatives[1].tolist()) == {1, 2, 3, 5, 6}


def test_draws_depend_on_users_and_seed_alone(monkeypatch):
    rng = np.random.default_rng(0)
    items = torch.tensor(rng.normal(size=(50, 4)).astype(np.float32))
    scorer = EmbeddingScorer(torch.tensor(rng.normal(size=(9, 4)).astype(np.float32)), items)
    users = eval_set([[1, 2]] * 9, list(range(9)))
    whole = score_samples(scorer, users, 11, seed=3)
    assert not np.array_equal(whole.negatives, score_samples(scorer, users, 11, seed=4).negatives)
    twice = EmbeddingScorer(2 * scorer.users, scorer.items)
    np.testing.assert_array_equal(
        2 * whole.negatives, score_samples(twice, users, 11, seed=3).negatives
    )
    monkeypatch.setattr(overlap, "PAIRS_HELD", 25)  # two users at a time
    cut = score_samples(scorer, users, 11, seed=3)
    np.testing.assert_array_equal(whole.positives, cut.positives)
    np.testing.assert_array_equal(whole.negatives, cut.negatives)


def test_no_negatives_and_diverged_scores_are_errors():
    users = eval_set([[0]], [1])
    with pytest.raises(InputError, match="n_negatives"):
        score_samples(ids_as_scores(1, 5), users, 0)
    diverged = EmbeddingScorer(torch.full((1, 1), torch.nan), torch.ones(5, 1))
    with pytest.raises(InputError, match="diverged"):
        score_samples(diverged, users)


def test_no_user_is_no_measurement():
    found = score_samples(ids_as_scores(0, 5), eval_set([], []), 3)
    assert found.positives.shape == (0,)
    assert found.negatives.shape == (0, 3)
    for samples in (found, EMPTY):
        edges = bin_edges(samples)
        assert math.isnan(factor_of(samples))
        assert math.isnan(overlap_factor(kde_densities(samples)))
        interval = overlap_interval(math.nan, resampled_overlaps(samples, edges))
        assert math.isnan(interval.low)
        assert user_auc(samples).shape == (0,)


def test_one_user():
    near = samples_of([5.0], [np.arange(10.0)])
    far = samples_of([50.0], [np.arange(10.0)])
    assert 0 < factor_of(near) <= 1
    assert factor_of(far) == 0
    resampled = resampled_overlaps(near, bin_edges(near), resamples=5)
    np.testing.assert_allclose(resampled, factor_of(near))
    assert user_auc(near).tolist() == [0.55]  # five below, one equal
    assert math.isnan(overlap_factor(kde_densities(near)))  # a single positive has no bandwidth


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.integers(1, 30))
def test_factor_is_the_integral(seed, apart, most):
    samples = drawn(seed, apart=apart)
    edges = bin_edges(samples, most)
    found = densities(samples, edges)
    expected = oracles.overlap_factor(samples.positives, samples.negatives.ravel(), edges)
    assert overlap_factor(found) == pytest.approx(expected)
    for density in (found.positive, found.negative):
        assert density @ np.diff(edges) == pytest.approx(1)


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=9), st.integers(1, 4))
def test_scores_on_an_edge_are_counted_once(positives, bins):
    samples = samples_of(np.array(positives, float), np.full((len(positives), 3), 1.0))
    edges = np.linspace(-2, 2, bins + 1)
    expected = oracles.overlap_factor(positives, samples.negatives.ravel(), edges)
    assert overlap_factor(densities(samples, edges)) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_units_of_the_scores_do_not_matter(seed, factor, offset):
    samples = drawn(seed)
    other = samples_of(factor * samples.positives + offset, factor * samples.negatives + offset)
    assert factor_of(other) == pytest.approx(factor_of(samples))
    smooth = [overlap_factor(kde_densities(one, points=40)) for one in (samples, other)]
    assert smooth[1] == pytest.approx(smooth[0])
    edges = bin_edges(samples), bin_edges(other)
    np.testing.assert_allclose(
        resampled_overlaps(other, edges[1], resamples=9),
        resampled_overlaps(samples, edges[0], resamples=9),
    )


def test_the_same_scores_overlap_wholly_and_distant_ones_not_at_all():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=50)
    assert factor_of(samples_of(scores, scores[:, None])) == pytest.approx(1)
    assert factor_of(samples_of(scores + 100, scores[:, None])) == 0


def test_two_normal_distributions_overlap_by_twice_the_tail():
    samples = drawn(0, n_users=10_000, n_negatives=10, apart=1.5)
    expected = math.erfc(0.75 / math.sqrt(2))  # both tails beyond half of 1.5
    factor = factor_of(samples)
    assert factor == pytest.approx(expected, abs=0.015)
    smooth = overlap_factor(kde_densities(samples.some_users(1000, 0)))
    assert smooth == pytest.approx(expected, abs=0.03)
    interval = overlap_interval(factor, resampled_overlaps(samples, bin_edges(samples)))
    assert interval.low < expected < interval.high
    assert interval.high - interval.low < 0.04


def test_bins_are_as_wide_as_the_rule_says():
    samples = drawn(0, n_users=300, n_negatives=50)
    lower, upper = np.quantile(samples.positives, [0.25, 0.75])
    width = 2 * (upper - lower) / 300 ** (1 / 3)  # of the fewer, hence wider
    edges = bin_edges(samples)
    assert edges[0] == samples.negatives.min()
    assert edges[-1] == max(samples.positives.max(), samples.negatives.max())
    assert len(edges) - 1 == math.ceil((edges[-1] - edges[0]) / width)
    assert len(bin_edges(samples, 4)) == 5


def test_bins_where_the_rule_has_no_width():
    ties = samples_of([2.0, 2.0], [[1.0, 1.0], [1.0, 1.0]])
    assert len(bin_edges(ties)) == overlap.MOST_BINS + 1
    assert factor_of(ties) == 0
    assert math.isnan(overlap_factor(kde_densities(ties)))
    equal = samples_of([1.0, 1.0], [[1.0], [1.0]])
    assert len(bin_edges(equal)) == 2
    assert factor_of(equal) == 1


@pytest.mark.parametrize("n_users", [2, 60])
def test_kernel_densities_are_sums_of_gaussians(n_users):
    samples = drawn(1, n_users=n_users)
    found = kde_densities(samples, points=80)
    middles = (found.edges[1:] + found.edges[:-1]) / 2
    for density, scores in (
        (found.positive, samples.positives),
        (found.negative, samples.negatives.ravel()),
    ):
        expected = oracles.kernel_density(scores.tolist(), middles.tolist())
        np.testing.assert_allclose(density, expected, rtol=0.01, atol=1e-4)  # cut at the ends
        assert density @ np.diff(found.edges) == pytest.approx(1)


def test_resamples_are_users_drawn_with_all_their_scores():
    samples = drawn(2, n_users=12, n_negatives=3)
    edges = bin_edges(samples)
    found = resampled_overlaps(samples, edges, seed=5, resamples=20)
    times = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=20)
    for value, count in zip(found, times, strict=True):
        positives = np.repeat(samples.positives, count)
        negatives = np.repeat(samples.negatives, count, axis=0)
        assert value == pytest.approx(
            oracles.overlap_factor(positives, negatives.ravel(), edges), abs=1e-6
        )


def test_more_users_make_a_narrower_interval():
    widths = []
    for n_users in (100, 1600):
        samples = drawn(3, n_users=n_users, n_negatives=20)
        factor = factor_of(samples)
        interval = overlap_interval(factor, resampled_overlaps(samples, bin_edges(samples)))
        assert interval.mean == factor
        assert 0 <= interval.low < interval.high <= 1
        widths.append(interval.high - interval.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.4)


def test_interval_is_reflected_and_stays_an_overlap():
    resampled = np.linspace(0.2, 0.4, 101)  # 2.5 % quantiles: 0.205 and 0.395
    interval = overlap_interval(0.4, resampled)
    assert (interval.low, interval.high) == (pytest.approx(0.405), pytest.approx(0.595))
    assert overlap_interval(0.95, resampled + 0.5).high == 1


def test_interval_holds_the_truth_more_often_than_plain_quantiles_do():
    truth = math.erfc(0.25 / math.sqrt(2))  # 0.80: much is equal, so noise lowers much
    found = np.zeros(2)
    for seed in range(100):
        samples = drawn(seed, n_users=200, n_negatives=20, apart=0.5)
        edges = bin_edges(samples)
        resampled = resampled_overlaps(samples, edges, seed, resamples=200)
        interval = overlap_interval(factor_of(samples), resampled)
        low, high = np.quantile(resampled, [0.025, 0.975])
        found += [interval.low < truth < interval.high, low < truth < high]
    assert found[0] >= 83
    assert found[0] > found[1]


def test_factor_by_hand():
    found = ScoreDensities(np.array([0.0, 1, 3]), np.array([0.4, 0.3]), np.array([0.8, 0.1]))
    assert overlap_factor(found) == pytest.approx(0.4 * 1 + 0.1 * 2)


@given(st.integers(0, 2**32 - 1))
def test_auc_is_the_share_of_pairs_and_sees_the_order_alone(seed):
    rng = np.random.default_rng(seed)
    samples = samples_of(rng.integers(-3, 4, 8) / 1.0, rng.integers(-3, 4, (8, 5)) / 1.0)
    found = user_auc(samples)
    pairs = zip(samples.positives, samples.negatives, strict=True)
    assert found.tolist() == pytest.approx([oracles.auc(*pair) for pair in pairs])
    levels = rng.normal(size=8)  # users on levels and scales of their own
    other = samples_of(
        np.exp(samples.positives) + levels, np.exp(samples.negatives) + levels[:, None]
    )
    np.testing.assert_array_equal(found, user_auc(other))


def test_some_users_keep_their_scores():
    samples = drawn(0, n_users=50)
    some = samples.some_users(30, seed=1)
    assert len(set(some.rows.tolist())) == 30
    np.testing.assert_array_equal(some.positives, samples.positives[some.rows])
    np.testing.assert_array_equal(some.negatives, samples.negatives[some.rows])
    assert len(samples.some_users(99, seed=1).rows) == 50


def test_few_users_vary_about_the_overlap_of_all():
    samples = drawn(0, n_users=2000, n_negatives=20, apart=1.5)
    found = overlaps_of_few(samples, 30, draws=50)
    expected = math.erfc(0.75 / math.sqrt(2))
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / math.sqrt(50) + 0.02)
    more = overlaps_of_few(samples, 300, draws=50)
    assert more.std() < 0.6 * found.std()
    np.testing.assert_array_equal(found, overlaps_of_few(samples, 30, draws=50))
    assert np.isnan(overlaps_of_few(samples.some_users(30, 0), 30, draws=2)).all()
